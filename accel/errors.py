"""Everything that this package raises on purpose.

AccelError                      exit  gRPC status
 ├─ InvalidError                 2    INVALID_ARGUMENT     a field is wrong; `field` names it
 ├─ NotFoundError                3    NOT_FOUND
 ├─ ExistsError                  4    ALREADY_EXISTS
 ├─ RevisionError                5    ABORTED              somebody else wrote in between
 ├─ CapacityError                6    RESOURCE_EXHAUSTED   a map is full
 ├─ HostError                    7    FAILED_PRECONDITION  kernel, capability, interface, bcc
 │   ├─ ProgramError                                       the compiler or verifier refused
 │   └─ LockedError                                        a second daemon
 ├─ UnreachableError             8    UNAVAILABLE          no daemon answers
 └─ ExpiredError                 9    OUT_OF_RANGE         that revision's changes are not known
     └─ LaggedError                   RESOURCE_EXHAUSTED   a watcher does not keep up

Exit code 1 is a bug of ours, 130 is Ctrl-C.
Each text says what is wrong; `hint` says what to do next.
"""


class AccelError(Exception):
    """Base of the tree. `exit_code` is the CLI's, `status` the name of the gRPC status."""

    exit_code = 1
    status = "INTERNAL"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class InvalidError(AccelError):
    """A field of a request, file or packet is wrong. `field` is its path, as in a.b[2].c."""

    exit_code = 2
    status = "INVALID_ARGUMENT"

    def __init__(self, field: str, message: str, *, hint: str = "") -> None:
        super().__init__(f"{field}: {message}", hint=hint)
        self.field = field


class NotFoundError(AccelError):
    """`kind` is "service", "backend" or "interface", `name` what was asked for."""

    exit_code = 3
    status = "NOT_FOUND"

    def __init__(self, kind: str, name: str, *, hint: str = "") -> None:
        super().__init__(f"no {kind} {name!r}", hint=hint)
        self.kind = kind
        self.name = name


class ExistsError(AccelError):
    """`kind` and `name` as in NotFoundError."""

    exit_code = 4
    status = "ALREADY_EXISTS"

    def __init__(self, kind: str, name: str, *, hint: str = "") -> None:
        super().__init__(f"{kind} {name!r} exists already", hint=hint)
        self.kind = kind
        self.name = name


class RevisionError(AccelError):
    """The object or store has another revision than the write expected."""

    exit_code = 5
    status = "ABORTED"

    def __init__(self, what: str, *, expected: int, found: int) -> None:
        super().__init__(
            f"{what} is at revision {found}, not {expected}",
            hint="somebody else changed it: read it again, then repeat the change",
        )
        self.expected = expected
        self.found = found


class CapacityError(AccelError):
    """A map is full. `limit` entries are what it holds, `option` is the setting that raises it."""

    exit_code = 6
    status = "RESOURCE_EXHAUSTED"

    def __init__(self, what: str, *, needed: int, limit: int, option: str) -> None:
        super().__init__(
            f"{needed} {what} are more than the limit of {limit}",
            hint=f"raise it with {option} of acceld",
        )
        self.what = what
        self.needed = needed
        self.limit = limit
        self.option = option


class HostError(AccelError):
    """This host lacks something: kernel, capability, interface, bcc, bpffs."""

    exit_code = 7
    status = "FAILED_PRECONDITION"


class ProgramError(HostError):
    """The compiler or the kernel's verifier refused the program; `log` is its whole output."""

    def __init__(self, message: str, *, log: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.log = log


class LockedError(HostError):
    """Another daemon has this data path."""


class UnreachableError(AccelError):
    """No daemon answers at the socket."""

    exit_code = 8
    status = "UNAVAILABLE"


class ExpiredError(AccelError):
    """The changes after the given revision are not known: too old, or of another state file."""

    exit_code = 9
    status = "OUT_OF_RANGE"


class LaggedError(ExpiredError):
    """A watcher reads its events more slowly than they happen."""

    status = "RESOURCE_EXHAUSTED"
