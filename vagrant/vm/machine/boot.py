"""One machine in QEMU, from its first instruction to its end, which comes in any case."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from vagrant.vm.machine import qemu
from vagrant.vm.parts.initramfs import initramfs
from vagrant.vm.parts.kernels import Kernel

_UP_SECONDS = 300  # 10 on an idle host; a kernel that is not up by then never will be
_UP = "accel-vm: up"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ran:
    """What a machine left: `output` of what ran in it, the kernel's `console`, times in seconds.

    `busy` is the CPU time that it took of the host.
    """

    output: str
    console: str
    up_after: float | None
    seconds: float
    busy: float
    timed_out: bool


def boot(
    kernel: Kernel,
    folder: Path,
    *,
    disks: Sequence[Path],
    kvm: bool,
    seconds: float,
    arguments: str = "",
    stop: Event | None = None,
) -> Ran:
    """Run a machine until it ends, for `seconds` at the most, or until `stop` is set.

    Its files are in `folder`, which is no other machine's.
    """
    words, console, output = (folder / f"{n}.txt" for n in ("qemu", "console", "output"))
    for file in (words, console, output):
        file.write_bytes(b"")
    command = qemu.command(
        kernel=kernel.vmlinuz,
        initramfs=initramfs(kernel),
        disks=disks,
        kvm=kvm,
        arguments=arguments,
        serials=[console, output],
    )
    started = time.monotonic()
    with words.open("wb") as errors:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)
    try:
        up_after = _watch(process, output, seconds, stop or Event())
    finally:
        timed_out = not _ended(process)
        os.kill(process.pid, signal.SIGKILL)  # Popen.kill() would take it away, if it has ended
        busy = _busy(process)
        process.wait()
    return Ran(
        output=output.read_text(errors="replace"),
        console=words.read_text(errors="replace") + console.read_text(errors="replace"),
        up_after=up_after,
        seconds=time.monotonic() - started,
        busy=busy,
        timed_out=timed_out,
    )


def _watch(
    process: subprocess.Popen[bytes], output: Path, seconds: float, stop: Event
) -> float | None:
    """Until it ends, or its time has passed. Returns after how many seconds it was up."""
    started = time.monotonic()
    up_after = None
    limit = min(seconds, _UP_SECONDS)
    ended = False
    while not ended and time.monotonic() - started < limit and not stop.wait(0.1):
        ended = _ended(process)  # and then looked at once more
        if up_after is None and _UP in output.read_text(errors="replace"):
            up_after = time.monotonic() - started
            limit = seconds
    return up_after


def _ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has; it stays a zombie until we wait for it, so that its times can be read."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _busy(process: subprocess.Popen[bytes]) -> float:
    """CPU seconds of a process that is being killed, or has ended."""
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
