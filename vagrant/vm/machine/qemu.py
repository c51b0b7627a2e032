"""The command line of a machine: two CPUs, and two interfaces with a wire in between."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

_KERNEL_LINE = (
    "console=ttyS0 quiet panic=-1 oops=panic mitigations=off no5lvl random.trust_cpu=on"
    " net.ifnames=0 no_timer_check"
)
# One thread for all CPUs: with one for each, QEMU 7.2 may run a breakpoint that the kernel has just
# taken out of its code again, and the kernel panics (seen in bpf_dispatcher_xdp_func, which it
# patches whenever an XDP program comes or goes, while packets arrive on another CPU).
_EMULATED = "tcg,thread=single"
_QUEUES = 4  # two that receive, for two CPUs, and two more that XDP sends by
_WIRE = ("unshare", "--net", "--", "sh", str(Path(__file__).with_name("wire.sh")))
_ENDS_WITH_US = ("setpriv", "--pdeathsig", "KILL")
# What a driver needs off for native XDP is not offered.
_OFFLOADS = "".join(f",guest_{x}=off" for x in ("csum", "tso4", "tso6", "ecn", "ufo"))


def command(
    *,
    kernel: Path,
    initramfs: Path,
    disks: Sequence[Path],
    kvm: bool,
    arguments: str,
    serials: Sequence[Path],
) -> list[str]:
    """`arguments` are added to the kernel's; each of `serials` is written by a serial port."""
    queues = _QUEUES if has_taps() else 1
    return [
        *_ENDS_WITH_US, *(_WIRE if queues > 1 else ()),
        "nice", "-n", "5", "qemu-system-x86_64",
        "-machine", "q35", "-cpu", "host" if kvm else "max",
        "-accel", "kvm" if kvm else _EMULATED,
        "-smp", "2", "-m", "2G", "-display", "none", "-nodefaults", "-no-reboot",
        *(word for file in serials for word in ("-serial", f"file:{file}")),
        "-kernel", str(kernel), "-initrd", str(initramfs),
        "-append", f"{_KERNEL_LINE} {arguments}",
        *(word for name in ("near", "far") for word in _interface(name, queues)),
        *(word for disk in disks for word in _disk(disk)),
    ]  # fmt: skip


@cache
def has_taps() -> bool:
    """Whether this host makes the wire; without it interfaces have one queue."""
    try:
        return subprocess.run([*_WIRE, "true"], capture_output=True).returncode == 0
    except OSError:
        return False


def _interface(name: str, queues: int) -> list[str]:
    tap = f"tap,id={name},ifname={name},script=no,downscript=no,queues={queues}"
    end = tap if queues > 1 else f"hubport,hubid=0,id={name}"
    vectors = f",mq=on,vectors={2 * queues + 2}" if queues > 1 else ""
    return ["-netdev", end, "-device", f"virtio-net-pci,netdev={name}{_OFFLOADS}{vectors}"]


def _disk(path: Path) -> list[str]:
    return ["-drive", f"file={path},format=raw,if=virtio,readonly=on"]
