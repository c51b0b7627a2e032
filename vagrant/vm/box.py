"""make vagrant-box: the image as a box of Vagrant's, and the kernels that boot it.

A box is a tar file (https://vagrant-libvirt.github.io/vagrant-libvirt/boxes.html). Kernels are
not in it: libvirt boots them directly, so one box serves all of them.
"""

from __future__ import annotations

import argparse
import json
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from accel.errors import AccelError
from vagrant.vm.disks import initramfs
from vagrant.vm.image import image
from vagrant.vm.kernels import LINES, Line, SuiteError, choose, fetch
from vagrant.vm.run import cache, need_space, need_tools, run

NAME = "accel"
_NEEDED_MB = 2500  # the disk, the box, and Vagrant's copy of it
_DISK_GB = 8  # as machines see it; what is not written takes no room


def main() -> int:
    """0, or the exit code of what stood in the way."""
    names = ", ".join(line.name for line in LINES)
    parser = argparse.ArgumentParser(prog="python -m vagrant.vm.box", description=__doc__)
    parser.add_argument("kernels", nargs="*", metavar="KERNEL", help=f"of {names} (default: all)")
    options = parser.parse_args()
    try:
        make(choose(options.kernels or ["all"]))
    except AccelError as error:
        print(f"vagrant-box: {error}", file=sys.stderr)
        return error.exit_code
    print(f"VAGRANT_BOX={NAME} has `vagrant up` take it")
    return 0


def make(lines: Sequence[Line], *, environment: Mapping[str, str] | None = None) -> list[Line]:
    """Make the box, and have Vagrant know it, unless it does already. Returns what it can boot.

    `environment` is added for Vagrant. Raises HostError.
    """
    need_tools(vagrant=True)
    found = []
    for line in lines:
        try:
            kernel = fetch(line)
        except SuiteError as error:
            if not line.optional:
                raise
            print(f"kernel {line.name}: SKIPPED: {error}", flush=True)
        else:
            initramfs(kernel, kernel.folder / "initramfs")
            found.append(line)
    root = image()
    made = root.with_suffix(".box")  # empty: Vagrant keeps the box itself
    known = run(["vagrant", "box", "list"], what="vagrant box list", environment=environment)
    if not made.exists() or NAME not in known.split():
        need_space(cache(), _NEEDED_MB)
        with tempfile.TemporaryDirectory(prefix="box-", dir=cache()) as name:
            box = _pack(root, Path(name))
            add = ["vagrant", "box", "add", "--force", "--name", NAME, "--provider", "libvirt"]
            run([*add, box], what="vagrant box add", environment=environment)
        for old in cache().glob("root-*.box"):
            old.unlink()
        made.touch()
    return found


def _pack(root: Path, folder: Path) -> Path:
    disk, box = folder / "box.img", folder / "accel.box"
    run(["qemu-img", "convert", "-O", "qcow2", root, disk], what="making the box's disk")
    run(["qemu-img", "resize", disk, f"{_DISK_GB}G"], what="making the box's disk")
    metadata = {"provider": "libvirt", "format": "qcow2", "virtual_size": _DISK_GB}
    (folder / "metadata.json").write_text(json.dumps(metadata))
    with tarfile.open(box, "w") as archive:
        for name in ("metadata.json", "box.img"):
            archive.add(folder / name, name)
    return box


if __name__ == "__main__":
    sys.exit(main())
