"""What of the box is not as this checkout would make it: a line each, and what to do; else nothing.

`python -m vagrant.vm.libvirt.stale KERNEL`, as the Vagrantfile asks before a machine is started.
"""

from __future__ import annotations

import os
import sys

from accel.errors import AccelError
from vagrant.vm.libvirt import box
from vagrant.vm.parts.initramfs import is_current
from vagrant.vm.parts.kernels import choose, kept

_ADVICE = (
    "`make vagrant-box` makes what is missing or old. A machine that was made before keeps its old"
    " disk until `vagrant destroy`."
)


def main() -> int:
    """0, whatever is found."""
    try:
        found = stale(sys.argv[1])
    except AccelError as error:
        print(f"stale: {error}", file=sys.stderr)
        return error.exit_code
    if found:
        print("\n".join([*found, _ADVICE]))
    return 0


def stale(name: str) -> list[str]:
    """What is missing or old of the box and of a line's kernel. Raises InvalidError."""
    line = choose([name])[0]
    found = []
    known = box.recipe_of_known(os.environ)
    if known is None:
        found.append(f"Vagrant has no box {box.NAME}.")
    elif known != box.recipe():
        found.append(f"The box {box.NAME} was made from another recipe than this checkout's.")
    kernel = kept(line)
    if kernel is None:
        found.append(f"Kernel {name} is not there, or lacks modules that are wanted now.")
    elif not is_current(kernel):
        found.append(f"The initramfs of kernel {name} ({kernel.release}) is not there, or old.")
    return found


if __name__ == "__main__":
    sys.exit(main())
