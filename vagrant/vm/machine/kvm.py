"""Whether kernels come up under KVM here: that /dev/kvm is there does not say so.

`python -m vagrant.vm.machine.kvm` prints "kvm" or "qemu". It boots a kernel to find out, and keeps
the answer for as long as this host runs, with this QEMU.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from accel.errors import AccelError
from vagrant.vm.host.cache import cache
from vagrant.vm.host.folders import temporary
from vagrant.vm.host.programs import need_tools, which
from vagrant.vm.host.signals import end_in_order
from vagrant.vm.machine.boot import boot
from vagrant.vm.parts.kernels import Kernel, choose, fetch

_SECONDS = 8
_DEVICE = Path("/dev/kvm")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")  # another after each boot, and on each host


def main() -> int:
    """0, or the exit code of what stood in the way of trying."""
    parser = argparse.ArgumentParser(prog="python -m vagrant.vm.machine.kvm", description=__doc__)
    parser.add_argument("--refresh", action="store_true", help="try again, whatever is kept")
    options = parser.parse_args()
    end_in_order()
    try:
        print("kvm" if works(refresh=options.refresh) else "qemu")
    except AccelError as error:
        print(f"kvm: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def works(kernel: Kernel | None = None, *, refresh: bool = False) -> bool:
    """The answer that is kept, or else what `kernel` (by default one that is fetched) does.

    Raises HostError if none can be tried.
    """
    if not os.access(_DEVICE, os.R_OK | os.W_OK):
        return False
    kept = cache() / "kvm.json"
    host = _host()
    if not refresh and (answer := _kept(kept, host)) is not None:
        return answer
    need_tools()
    answer = _try(kernel or fetch(choose([])[0]))
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps({"host": host, "works": answer}))
    return answer


def _host() -> list[str]:
    """What an answer holds for."""
    qemu = which("qemu-system-x86_64")
    version = f"{qemu} {os.stat(qemu).st_mtime_ns}" if qemu else "no QEMU"
    return [_BOOT_ID.read_text().strip(), version]


def _kept(file: Path, host: list[str]) -> bool | None:
    try:
        found = json.loads(file.read_text())
        return bool(found["works"]) if found["host"] == host else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _try(kernel: Kernel) -> bool:
    with temporary("accel-kvm-") as folder:
        ran = boot(
            kernel, folder, disks=[], kvm=True, seconds=_SECONDS, arguments="accel.probe"
        )  # fmt: skip
    return ran.up_after is not None


if __name__ == "__main__":
    sys.exit(main())
