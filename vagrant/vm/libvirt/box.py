"""make vagrant-box: the image as a box of Vagrant's, and the kernels that boot it.

A box is a tar file (https://vagrant-libvirt.github.io/vagrant-libvirt/boxes.html). Kernels are
not in it: libvirt boots them directly, so one box serves all of them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from accel.errors import AccelError
from vagrant.vm.host.cache import cache, need_space
from vagrant.vm.host.folders import temporary
from vagrant.vm.host.programs import need_tools, run
from vagrant.vm.host.signals import end_in_order
from vagrant.vm.parts import image
from vagrant.vm.parts.apt import SuiteError
from vagrant.vm.parts.initramfs import initramfs
from vagrant.vm.parts.kernels import LINES, Line, choose, fetch

NAME = "accel"
_NEEDED_MB = 2500  # the disk, the box, and Vagrant's copy of it
_DISK_GB = 8  # as machines see it; what is not written takes no room


def main() -> int:
    """0, or the exit code of what stood in the way."""
    names = ", ".join(line.name for line in LINES)
    parser = argparse.ArgumentParser(prog="python -m vagrant.vm.libvirt.box", description=__doc__)
    parser.add_argument("kernels", nargs="*", metavar="KERNEL", help=f"of {names} (default: all)")
    parser.add_argument("--refresh", action="store_true", help="look for newer kernels")
    options = parser.parse_args()
    end_in_order()
    try:
        make(choose(options.kernels or ["all"]), refresh=options.refresh)
    except AccelError as error:
        print(f"vagrant-box: {error}", file=sys.stderr)
        return error.exit_code
    print(f"VAGRANT_BOX={NAME} has `vagrant up` take it")
    return 0


def make(
    lines: Sequence[Line],
    *,
    environment: Mapping[str, str] | None = None,
    refresh: bool = False,
) -> None:
    """Make the box, and have Vagrant know it, unless what it knows is the same.

    `environment` is added for Vagrant. Raises HostError.
    """
    need_tools(vagrant=True)
    for line in lines:
        try:
            initramfs(fetch(line, refresh=refresh))
        except SuiteError as error:
            if not line.optional:
                raise
            print(f"kernel {line.name}: SKIPPED: {error}", flush=True)
    known = recipe_of_known({**os.environ, **(environment or {})})
    if known == recipe():
        return
    if known is not None:
        print(f"the box {NAME} has another recipe by now: it is made anew", flush=True)
    root = image.image()
    need_space(cache(), _NEEDED_MB)
    with temporary("box-", cache()) as folder:
        box = _pack(root, folder)
        add = ["vagrant", "box", "add", "--force", "--name", NAME, "--provider", "libvirt"]
        run([*add, box], what="vagrant box add", environment=environment)


def recipe() -> str:
    """What the box is made from, as a hash."""
    parts = (image.recipe(), Path(__file__).read_text())
    return hashlib.sha256("".join(parts).encode()).hexdigest()[:12]


def recipe_of_known(environment: Mapping[str, str]) -> str | None:
    """What Vagrant's box was made from; "" if it does not say, None if there is no box."""
    home = Path(environment.get("VAGRANT_HOME") or Path.home() / ".vagrant.d")
    for file in (home / "boxes" / NAME).glob("**/libvirt/metadata.json"):
        return str(json.loads(file.read_text()).get("recipe", ""))
    return None


def _pack(root: Path, folder: Path) -> Path:
    disk, box = folder / "box.img", folder / "accel.box"
    run(["qemu-img", "convert", "-O", "qcow2", root, disk], what="making the box's disk")
    run(["qemu-img", "resize", disk, f"{_DISK_GB}G"], what="making the box's disk")
    metadata = {"provider": "libvirt", "format": "qcow2", "virtual_size": _DISK_GB}
    (folder / "metadata.json").write_text(json.dumps(metadata | {"recipe": recipe()}))
    with tarfile.open(box, "w") as archive:
        for name in ("metadata.json", "box.img"):
            archive.add(folder / name, name)
    return box


if __name__ == "__main__":
    sys.exit(main())
