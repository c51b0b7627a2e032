"""A kernel's modules cut down to those that the machines and the tests use, with what they need."""

from __future__ import annotations

import lzma
import shutil
from pathlib import Path

from accel.errors import HostError
from vagrant.vm.host.programs import run

# Those that a kernel has built in, or does not have at all, are left out.
_BOOT = ("virtio_pci", "virtio_blk", "crc32c_generic", "ext4", "overlay")
_NETWORK = (
    *("virtio_net", "veth", "bridge", "dummy", "8021q", "bonding", "macvlan", "vrf", "tun"),
    *("ipip", "sit", "ip6_tunnel", "fou", "fou6", "sch_netem", "sch_ingress"),
    *("ip_vs", "ip_vs_rr", "ip_vs_mh", "tcp_diag"),
)
WANTED = (*_BOOT, *_NETWORK)
_SUFFIXES = (".ko", ".ko.xz", ".ko.zst")


def cut(root: Path, tree: Path, kept: Path) -> None:
    """Copy, without compression, from `tree` (below `root`, lib/modules/RELEASE) into `kept`."""
    base = tree.parents[2]
    assert base.is_relative_to(root)
    run(["depmod", "-b", base, tree.name], what="depmod")
    needs = _needs(tree / "modules.dep")
    wanted = [name for name in WANTED if name in needs]
    paths = {path for name in wanted for path in needs[name]}
    for path in sorted(paths):
        _copy(tree / path, kept / path)
    for name in ("modules.builtin", "modules.order", "modules.builtin.modinfo"):
        if (tree / name).exists():
            shutil.copyfile(tree / name, kept / name)
    run(["depmod", "-b", kept.parents[2], tree.name], what="depmod")


def _needs(dep: Path) -> dict[str, list[str]]:
    """For each module its own path and those that it needs, out of modules.dep."""
    found: dict[str, list[str]] = {}
    for line in dep.read_text().splitlines():
        own, _, others = line.partition(":")
        found[_name(own)] = [own, *others.split()]
    return found


def _name(path: str) -> str:
    return Path(path).name.split(".")[0].replace("-", "_")


def _copy(source: Path, target: Path) -> None:
    suffix = next((s for s in _SUFFIXES if source.name.endswith(s)), None)
    target.parent.mkdir(parents=True, exist_ok=True)
    if suffix == ".ko":
        shutil.copyfile(source, target)
    elif suffix == ".ko.xz":
        target.with_suffix("").write_bytes(lzma.decompress(source.read_bytes()))
    else:
        raise HostError(
            f"{source.name} is compressed in a way that is not known here",
            hint="this is a bug of accel: please report it with the kernel's name",
        )
