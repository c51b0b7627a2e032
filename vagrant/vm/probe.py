"""Says "kvm" if a kernel comes up under KVM here, else "qemu": `python -m vagrant.vm.probe`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from accel.errors import AccelError
from vagrant.vm.boot import kvm_works
from vagrant.vm.kernels import choose, fetch
from vagrant.vm.run import need_tools


def main() -> int:
    """0, or the exit code of what stood in the way of trying."""
    try:
        need_tools()
        kernel = fetch(choose([])[0])
        with tempfile.TemporaryDirectory(prefix="accel-probe-") as name:
            print("kvm" if kvm_works(kernel, Path(name)) else "qemu")
    except AccelError as error:
        print(f"probe: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
