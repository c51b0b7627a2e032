"""Native XDP on real virtio-net interfaces: a machine has two of them, with a wire in between.

Only interfaces that a machine sets aside for this are touched: it names them in ACCEL_WIRED_PAIR,
as in eth0,eth1. Any others are the host's, and carry its traffic.
"""

from __future__ import annotations

import os
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from scapy.all import Ether

from accel.errors import HostError
from tests.support.packets.packets import CLIENT_PORT, LINK, leaves, tcp, to_api
from tests.support.packets.rig import Rig
from tests.support.packets.world import HOP_MAC, WAYS, mac

PACKETS = 64
FLOWS = 24  # all fit into the rig's small cache
_ALL = 3  # ETH_P_ALL
_IFF_UP = 1
_SOL_PACKET, _ADD_MEMBERSHIP, _PROMISCUOUS = 263, 1, 1


@dataclass(frozen=True, slots=True)
class Pair:
    """The gateway's end, by its name, and raw frames at the other one."""

    near: str
    far: socket.socket

    @property
    def queues(self) -> Path:
        return Path(f"/sys/class/net/{self.near}/queues")


@contextmanager
def listening(name: str) -> Iterator[socket.socket]:
    """All frames of an interface, which is up meanwhile. Promiscuous it is as long as the socket
    is there, however this ends."""
    was_up = int(Path(f"/sys/class/net/{name}/flags").read_text(), 16) & _IFF_UP
    try:
        subprocess.run(["ip", "link", "set", name, "up"], check=True)
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL)) as raw:
            raw.bind((name, 0))
            membership = struct.pack("iHH8x", socket.if_nametoindex(name), _PROMISCUOUS, 0)
            raw.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, membership)
            raw.settimeout(20)
            yield raw
    finally:
        if not was_up:
            subprocess.run(["ip", "link", "set", name, "down"], check=True)


@pytest.fixture
def pair(rig: Rig) -> Iterator[Pair]:
    """All next hops are at the near end, so all is sent back to the far one."""
    names = os.environ.get("ACCEL_WIRED_PAIR", "").split(",")
    drivers = [Path(f"/sys/class/net/{name}/device/driver").resolve().name for name in names]
    if drivers != ["virtio_net"] * 2:
        pytest.skip("no two virtio-net interfaces here that are set aside by ACCEL_WIRED_PAIR")
    with ExitStack() as stack:
        _, far = (stack.enter_context(listening(name)) for name in names)
        place_behind(rig, names[0])
        yield Pair(names[0], far)


def place_behind(rig: Rig, interface: str) -> None:
    """All next hops of the world are there."""
    index = socket.if_nametoindex(interface)
    for name, placed in rig.world.services.items():
        backends = tuple(
            replace(b, next_hop=replace(b.next_hop, ifindex=index) if b.next_hop else None)
            for b in placed.backends
        )
        rig.world.services[name] = replace(placed, backends=backends)
    rig.place()


@pytest.mark.parametrize("way", ["ipip4", "gue6", "l2dsr"])
@pytest.mark.parametrize("mode", ["native", "generic"])
def test_what_comes_in_leaves_for_a_backend(rig: Rig, pair: Pair, way: str, mode: str) -> None:
    far = pair.far
    try:
        attached = rig.datapath.interfaces.attach(pair.near, mode)
    except HostError as error:
        pytest.skip(f"no {mode} XDP on virtio-net in this kernel: {error.message}")
    try:
        assert attached.xdp_mode == mode
        for number in range(PACKETS):
            packet = to_api(4) / tcp(WAYS[way].port, "A", sport=CLIENT_PORT + number)
            far.send(bytes(LINK / packet))
            wanted = Ether(bytes(leaves(WAYS[way], packet)))
            found = Ether(_next_for(far, mac(HOP_MAC)))
            assert type(found.payload) is type(wanted.payload)
            assert found.payload.dst == wanted.payload.dst
            assert bytes(found)[-len(packet) :] == bytes(packet)
            assert len(found) == len(wanted)
        counts = rig.counts()
        assert sum(n for (_, _, verdict), (n, _) in counts.items() if verdict.forward) == PACKETS
    finally:
        rig.datapath.interfaces.detach(pair.near)


def test_flows_are_spread_over_cpus(rig: Rig, pair: Pair) -> None:
    """Each queue has a CPU of its own; flows that came in by one are known on the other."""
    cpus = os.sched_getaffinity(0)
    if len(cpus) < 2 or len(list(pair.queues.glob("rx-*"))) < 2:
        pytest.skip("no two virtio-net interfaces here with a queue for each of several CPUs")
    try:
        rig.datapath.interfaces.attach(pair.near, "native")
    except HostError as error:
        pytest.skip(f"no native XDP on virtio-net in this kernel: {error.message}")
    try:
        before = interrupts(pair)
        for turn in range(2):
            for number in range(FLOWS):
                # The second time from the other queue of this end, and so by another of that end.
                os.sched_setaffinity(0, {(number + turn) % 2})
                way = to_api(4) / tcp(WAYS["ipip4"].port, "A", sport=CLIENT_PORT + number)
                pair.far.send(bytes(LINK / way))
                _next_for(pair.far, mac(HOP_MAC))
        took = [now - then for now, then in zip(interrupts(pair), before, strict=True)]
        assert sum(n > 0 for n in took) > 1, took
        verdicts = {v.name: n for (_, _, v), (n, _) in rig.counts().items() if v.forward}
        assert verdicts == {"FORWARD_NEW": FLOWS, "FORWARD_FLOW": FLOWS}
    finally:
        os.sched_setaffinity(0, cpus)
        rig.datapath.interfaces.detach(pair.near)


def interrupts(pair: Pair) -> list[int]:
    """How many each CPU has had from the near interface's receiving queues."""
    device = pair.queues.resolve().parents[2].name
    lines = Path("/proc/interrupts").read_text().splitlines()
    count = len(lines[0].split())
    rows = [line.split()[1 : count + 1] for line in lines if f"{device}-input" in line]
    return [sum(map(int, column)) for column in zip(*rows, strict=True)]


def _next_for(raw: socket.socket, destination: bytes) -> bytes:
    while True:
        frame, address = raw.recvfrom(65536)
        if frame[:6] == destination and address[2] != socket.PACKET_OUTGOING:
            return frame
