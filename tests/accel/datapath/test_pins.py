"""Pinned maps: a daemon that starts again finds its flows, and writes only what differs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import numpy as np
import pytest

from accel.datapath.datapath import DataPath
from accel.lab.folder import mount_bpffs, remove_folder
from accel.lab.names import unique
from accel.model.placement import Limits
from accel.model.prefix_columns import Prefixes
from tests.support.hints.hinting import Hinted, syn
from tests.support.packets.packets import LINK, tcp, to_api
from tests.support.packets.rig import KEPT, LIMITS, Rig
from tests.support.packets.world import WAYS, World

pytestmark = pytest.mark.usefixtures("full_run")

POOL = WAYS["pool"]
TCP4 = "pool-tcp4"


@pytest.fixture
def root() -> Iterator[Path]:
    """A pin root in a bpffs of this test's own."""
    folder = Path(tempfile.mkdtemp(prefix=f"{unique()}-pins-"))
    try:
        yield mount_bpffs(folder) / "accel"
    finally:
        remove_folder(folder)


def frames() -> list[bytes]:
    return [bytes(LINK / to_api(4, src=f"198.51.100.{n}") / tcp(POOL.port)) for n in range(1, 17)]


def backends(datapath: DataPath) -> list[int]:
    return [datapath.run(frame).backend for frame in frames()]


def filled(root: Path) -> tuple[list[int], int]:
    """A data path that has come and gone: where its flows went, and how many writes it took."""
    datapath = DataPath.open(root, LIMITS, KEPT)
    assert not datapath.adopted
    rig = Rig(datapath)
    writes = datapath.steering.sync(list(World().services.values()))
    assert writes == 0, "the rig has placed the world"
    for frame in frames():
        rig.count(frame)
    went = backends(datapath)
    counted = sum(rig.flows_of(TCP4))
    del rig
    datapath.close()
    return went, counted


def test_flows_counts_and_services_are_adopted(root: Path) -> None:
    went, counted = filled(root)
    datapath = DataPath.open(root, LIMITS, KEPT)
    try:
        assert datapath.adopted
        outcomes = [datapath.run(frame) for frame in frames()]
        assert all(o.known_flow for o in outcomes), "the flow key is adopted with the flows"
        assert [o.backend for o in outcomes] == went
        assert datapath.steering.sync(list(World().services.values())) == 0, "nothing differs"
        assert [datapath.run(frame).backend for frame in frames()] == went
        numbers = [b.number for b in World().services[TCP4].backends]
        assert int(datapath.flows.per_backend()[numbers].sum()) == counted == len(went)
        packets = sum(
            n for number in numbers for n, _ in datapath.counters.backend(number).values()
        )
        assert packets == len(went)
    finally:
        datapath.destroy()


def test_a_start_leaves_what_is_attached_as_it_is(root: Path) -> None:
    """Until the new daemon is in step: what is handed back goes on with the program of before."""
    attached = DataPath.open(root, LIMITS, KEPT)
    try:
        rig = Rig(attached)
        hinted = Hinted(rig)
        attached.prefixes.plan(Prefixes.of([(ip_network("203.0.113.0/24"), False)]), only=True)()
        hinted.use()
        base, _ = hinted.chosen(syn())
        wanted = next(number for number in hinted.numbers if number != base)
        hinted.push(wanted)
        assert hinted.chosen(syn()) == (wanted, "PUSHED")
        started = DataPath.open(root, LIMITS, KEPT)
        try:
            assert started.adopted
            assert hinted.chosen(syn()) == (wanted, "PUSHED")
        finally:
            started.close()
    finally:
        attached.destroy()


def test_what_differs_is_written(root: Path) -> None:
    went, _ = filled(root)
    world = World()
    gone = world.numbers(TCP4)[0]
    world.remove_backend(TCP4, gone)
    datapath = DataPath.open(root, LIMITS, KEPT)
    try:
        assert datapath.steering.sync(list(world.services.values())) == 2, "a ring and a backend"
        for before, now in zip(went, backends(datapath), strict=True):
            assert now == before if before != gone else now != gone
    finally:
        datapath.destroy()


def test_other_limits_are_other_maps(root: Path) -> None:
    filled(root)
    datapath = DataPath.open(root, Limits(services=128, backends=128, flows=64))
    try:
        assert not datapath.adopted
        assert len(list(root.iterdir())) == 2
        datapath.steering.sync(list(World().services.values()))
        assert list(root.iterdir()) == [datapath.pin_path], "the earlier maps are not needed now"
        assert not any(datapath.run(frame).known_flow for frame in frames())
    finally:
        datapath.destroy()


def test_a_half_pinned_folder_is_made_anew(root: Path) -> None:
    filled(root)
    (folder,) = root.iterdir()
    (folder / "flows").unlink()
    datapath = DataPath.open(root, LIMITS, KEPT)
    try:
        assert not datapath.adopted
        assert np.array_equal(datapath.flows.per_backend(), np.zeros(LIMITS.backends))
    finally:
        datapath.destroy()


def test_destroy_leaves_nothing(root: Path) -> None:
    DataPath.open(root, LIMITS, KEPT).destroy()
    assert list(root.iterdir()) == []
