"""One machine in QEMU, from its first instruction to its end, which comes in any case."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from vagrant.vm.disks import initramfs
from vagrant.vm.kernels import Kernel

_KERNEL_LINE = (
    "console=ttyS0 quiet panic=-1 oops=panic mitigations=off no5lvl random.trust_cpu=on"
    " net.ifnames=0 no_timer_check"
)
# One thread for all CPUs: with one for each, QEMU 7.2 may run a breakpoint that the kernel has just
# taken out of its code again, and the kernel panics (seen in bpf_dispatcher_xdp_func, which it
# patches whenever an XDP program comes or goes, while packets arrive on another CPU).
_EMULATED = "tcg,thread=single"
_PROBE_SECONDS = 8
_UP_SECONDS = 300  # 10 on an idle host; a kernel that is not up by then never will be
_UP = "accel-vm: up"
_QUEUES = 4  # two that receive, for two CPUs, and two more that XDP sends by
_WIRE = ["unshare", "--net", "--", "sh", str(Path(__file__).with_name("wire.sh"))]


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


def kvm_works(kernel: Kernel, folder: Path) -> bool:
    """Whether a kernel comes up under KVM: that /dev/kvm is there does not say so."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    ran = boot(kernel, folder, disks=[], kvm=True, seconds=_PROBE_SECONDS, arguments="accel.probe")
    return ran.up_after is not None


def boot(
    kernel: Kernel,
    folder: Path,
    *,
    disks: Sequence[Path],
    kvm: bool,
    seconds: float,
    arguments: str = "",
) -> Ran:
    """Run a machine until it ends, for `seconds` at the most. Its files are in `folder`."""
    ram, console, output = (folder / n for n in ("initramfs", "console.txt", "output.txt"))
    initramfs(kernel, ram)
    for file in (console, output):
        file.write_bytes(b"")
    queues = _QUEUES if _has_taps() else 1
    command = [
        *(_WIRE if queues > 1 else []),
        "nice", "-n", "5", "qemu-system-x86_64",
        "-machine", "q35", "-cpu", "host" if kvm else "max",
        "-accel", "kvm" if kvm else _EMULATED,
        "-smp", "2", "-m", "2G", "-display", "none", "-nodefaults", "-no-reboot",
        "-serial", f"file:{console}", "-serial", f"file:{output}",
        "-kernel", str(kernel.vmlinuz), "-initrd", str(ram),
        "-append", f"{_KERNEL_LINE} {arguments}",
    ]  # fmt: skip
    for name in ("near", "far"):  # two interfaces, with a wire in between
        tap = f"tap,id={name},ifname={name},script=no,downscript=no,queues={queues}"
        command += ["-netdev", tap if queues > 1 else f"hubport,hubid=0,id={name}"]
        # What a driver needs off for native XDP is not offered.
        offloads = "".join(f",guest_{x}=off" for x in ("csum", "tso4", "tso6", "ecn", "ufo"))
        vectors = f",mq=on,vectors={2 * queues + 2}" if queues > 1 else ""
        command += ["-device", f"virtio-net-pci,netdev={name}{offloads}{vectors}"]
    for disk in disks:
        command += ["-drive", f"file={disk},format=raw,if=virtio,readonly=on"]
    started, before = time.monotonic(), _children()
    up_after = None
    with (folder / "qemu.txt").open("wb") as words:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=words, stderr=words)
        try:
            limit = min(seconds, _UP_SECONDS)
            ended = False
            while not ended and time.monotonic() - started < limit:
                time.sleep(0.1)
                ended = process.poll() is not None  # and then looked at once more
                if up_after is None and _UP in output.read_text(errors="replace"):
                    up_after = time.monotonic() - started
                    limit = seconds
        finally:
            timed_out = process.poll() is None
            process.kill()
            process.wait()
    return Ran(
        output=output.read_text(errors="replace"),
        console=(folder / "qemu.txt").read_text(errors="replace")
        + console.read_text(errors="replace"),
        up_after=up_after,
        seconds=time.monotonic() - started,
        busy=_children() - before,
        timed_out=timed_out,
    )


def _children() -> float:
    """CPU seconds of processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@cache
def _has_taps() -> bool:
    """Whether this host makes the wire; without it interfaces have one queue."""
    try:
        return subprocess.run([*_WIRE, "true"], capture_output=True).returncode == 0
    except OSError:
        return False
