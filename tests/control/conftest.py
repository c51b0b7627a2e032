"""Fixtures: a gateway in this process, or the files for one of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from accel.lab.folder import mount_bpffs, remove_folder
from accel.lab.names import unique
from accel.lab.namespace import Namespace
from accel.model.placement import Limits
from tests.support.daemon.acceld import REAL, Acceld
from tests.support.daemon.here import Here
from tests.support.daemon.objects import MACS


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: that of a unix socket may have 107 bytes."""
    made = Path(tempfile.mkdtemp(prefix=f"{unique()}-"))
    try:
        yield made
    finally:
        remove_folder(made)


@pytest.fixture
def limits() -> Limits:
    return Limits(services=8, backends=16)


@pytest.fixture
def here(folder: Path, limits: Limits) -> Iterator[Here]:
    gateway = Here(folder, limits)
    yield gateway
    gateway.close()


@pytest.fixture
def acceld(folder: Path, full_run: None) -> Acceld:
    return Acceld(folder=folder)


@pytest.fixture
def network(full_run: None) -> Iterator[Namespace]:
    """Interface `in` with 10.0.0.254/24, where 10.0.0.1 and 10.0.0.2 are known neighbours."""
    with Namespace(f"{unique()}-control") as namespace:
        ip = namespace.netlink
        ip.link("add", ifname="in", kind="veth", peer={"ifname": "out"})
        index = namespace.index("in")
        for name in ("in", "out"):
            ip.link("set", index=namespace.index(name), state="up")
        ip.addr("add", index=index, address="10.0.0.254", prefixlen=24)
        for address, mac in MACS.items():
            ip.neigh("add", dst=address, lladdr=mac, ifindex=index, state="permanent")
        yield namespace


@pytest.fixture
def real(folder: Path, network: Namespace) -> Acceld:
    return Acceld(
        folder=folder,
        program=REAL,
        pin_root=mount_bpffs(folder) / "accel",
        prefix=("nsenter", f"--net={network.path}"),
    )
