"""Exit codes: those of accel.errors, and what only a command line needs."""

DONE = 0
FAILED = 7  # accel check: this host lacks something, as HostError
DIFFERENT = 10  # not an error: the answer to a question is no
INTERRUPTED = 130
READER_GONE = 141  # as a shell shows SIGPIPE

TABLE = """\
exit codes:
  0    done; diff: no difference; check: nothing failed
  1    a bug; demo: a request failed
  2    an argument or a file is wrong
  3    no such service, backend or interface
  4    there is one of that name already
  5    somebody else changed it in between (--expected-revision)
  6    a map of the gateway is full
  7    this host lacks something: kernel, capability, interface, bcc (accel check)
  8    no daemon answers
  9    the changes after that revision are not kept any more (accel watch)
  10   diff: there is a difference; drain --wait: flows are left
  130  Ctrl-C
  141  whoever read the output is gone
"""
