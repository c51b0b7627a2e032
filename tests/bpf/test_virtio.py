"""Native XDP on real virtio-net interfaces: a machine has two of them, with a wire in between."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from scapy.all import Ether

from accel.errors import HostError
from tests.support.packets.packets import CLIENT_PORT, LINK, leaves, tcp, to_api
from tests.support.packets.rig import Rig
from tests.support.packets.world import HOP_MAC, WAYS, mac

NEAR, FAR = "eth0", "eth1"  # vagrant/vm/boot.py
QUEUES = Path(f"/sys/class/net/{NEAR}/queues")
PACKETS = 64
FLOWS = 24  # all fit into the rig's small cache
_ALL = 3  # ETH_P_ALL


@pytest.fixture
def far(rig: Rig) -> Iterator[socket.socket]:
    """Raw frames at the far end; at the near one all next hops are, so all is sent back."""
    for name in (NEAR, FAR):
        if Path(f"/sys/class/net/{name}/device/driver").resolve().name != "virtio_net":
            pytest.skip("no two virtio-net interfaces here")
        subprocess.run(["ip", "link", "set", name, "up", "promisc", "on"], check=True)
    index = socket.if_nametoindex(NEAR)
    for name, placed in rig.world.services.items():
        backends = tuple(
            replace(b, next_hop=replace(b.next_hop, ifindex=index) if b.next_hop else None)
            for b in placed.backends
        )
        rig.world.services[name] = replace(placed, backends=backends)
    rig.place()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL)) as raw:
        raw.bind((FAR, 0))
        raw.settimeout(20)
        yield raw


@pytest.mark.parametrize("way", ["ipip4", "gue6", "l2dsr"])
@pytest.mark.parametrize("mode", ["native", "generic"])
def test_what_comes_in_leaves_for_a_backend(
    rig: Rig, far: socket.socket, way: str, mode: str
) -> None:
    try:
        attached = rig.datapath.interfaces.attach(NEAR, mode)
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
        rig.datapath.interfaces.detach(NEAR)


def test_flows_are_spread_over_cpus(rig: Rig, far: socket.socket) -> None:
    """Each queue has a CPU of its own; flows that came in by one are known on the other."""
    if len(os.sched_getaffinity(0)) < 2 or len(list(QUEUES.glob("rx-*"))) < 2:
        pytest.skip("no two virtio-net interfaces here with a queue for each of several CPUs")
    try:
        rig.datapath.interfaces.attach(NEAR, "native")
    except HostError as error:
        pytest.skip(f"no native XDP on virtio-net in this kernel: {error.message}")
    try:
        before = interrupts()
        for turn in range(2):
            for number in range(FLOWS):
                # The second time from the other queue of this end, and so by another of that end.
                os.sched_setaffinity(0, {(number + turn) % 2})
                way = to_api(4) / tcp(WAYS["ipip4"].port, "A", sport=CLIENT_PORT + number)
                far.send(bytes(LINK / way))
                _next_for(far, mac(HOP_MAC))
        took = [now - then for now, then in zip(interrupts(), before, strict=True)]
        assert sum(n > 0 for n in took) > 1, took
        verdicts = {v.name: n for (_, _, v), (n, _) in rig.counts().items() if v.forward}
        assert verdicts == {"FORWARD_NEW": FLOWS, "FORWARD_FLOW": FLOWS}
    finally:
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
        rig.datapath.interfaces.detach(NEAR)


def interrupts() -> list[int]:
    """How many each CPU has had from the near interface's receiving queues."""
    device = QUEUES.resolve().parents[2].name
    lines = Path("/proc/interrupts").read_text().splitlines()
    count = len(lines[0].split())
    rows = [line.split()[1 : count + 1] for line in lines if f"{device}-input" in line]
    return [sum(map(int, column)) for column in zip(*rows, strict=True)]


def _next_for(raw: socket.socket, destination: bytes) -> bytes:
    while True:
        frame, address = raw.recvfrom(65536)
        if frame[:6] == destination and address[2] != socket.PACKET_OUTGOING:
            return frame
