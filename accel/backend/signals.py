"""SIGTERM and SIGINT, waited for by the main thread, whichever thread they come to.

Blocking them and sigtimedwait(2) would not do: libraries start threads when they are imported
(numpy's does), which have them unblocked, and while the main thread is at something else the
signal goes to one of those and ends the process at once.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_ENDS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def ends_awaited() -> Iterator[Callable[[float], bool]]:
    """Within it these signals do nothing but end a wait.

    Gives a function that waits for so many seconds, or until one has come; whether one has. To be
    used in the main thread.
    """
    told, tell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def wait(seconds: float) -> bool:
        ready, _, _ = select.select([told], [], [], seconds)
        return bool(ready)

    with contextlib.ExitStack() as stack:
        stack.callback(os.close, told)
        stack.callback(os.close, tell)
        for number in _ENDS:
            stack.callback(signal.signal, number, signal.signal(number, lambda *_: None))
        stack.callback(signal.set_wakeup_fd, signal.set_wakeup_fd(tell))
        yield wait
