"""Programs in mount and process namespaces of their own: what they mount ends with them.

The host's mounts are never changed, and no process is left, however a program ends.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from accel.errors import HostError

APART = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--")
_OUTSIDE = "ACCEL_OUTSIDE"  # the mount namespace that a program was started from


def inside(command: Sequence[str], *, seconds: float) -> int:
    """Run `command` with a network of its own too; its exit status.

    Raises HostError after `seconds`.
    """
    # A first process that takes leave of the dead: libvirt waits for them.
    first = ["sh", "-c", '"$@" & wait $!', "sh", *command]
    outside = os.readlink("/proc/self/ns/mnt")
    process = subprocess.Popen(
        [APART[0], "--net", *APART[1:], *first], env=os.environ | {_OUTSIDE: outside}
    )
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        raise HostError(
            f"not done after {seconds:.0f} s",
            hint="look at the consoles and logs; --limit gives it more time",
        ) from None
    finally:
        end(process)


def need_inside() -> None:
    """Raises HostError in namespaces that `inside` has not made: the host's, for one."""
    if os.environ.get(_OUTSIDE) in (None, os.readlink("/proc/self/ns/mnt")):
        raise HostError("this mounts, so it runs only in a mount namespace of its own")


def end(process: subprocess.Popen[bytes]) -> None:
    """End a program, and all of the namespace that it is in if APART started it."""
    if process.poll() is None:
        # When the first process of a namespace is gone, all of it is; unshare waits for it.
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        apart = isinstance(process.args, list) and process.args[0] == APART[0]
        first = children.read_text().split() if apart else []
        for number in first or [str(process.pid)]:
            with suppress(ProcessLookupError):
                os.kill(int(number), signal.SIGKILL)
    process.wait()
