"""The whole path on a veth pair: live frames in by one end, and what comes back counted there.

BPF_F_TEST_XDP_LIVE_FRAMES sends from one core into the pair; the far end's program runs on that
core too, as does what takes the answers. So the figures are of one core that does all three.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterator

from accel.datapath.layout import possible_cpus
from accel.ebpf import syscall
from accel.lab.names import unique
from accel.lab.namespace import Namespace
from accel.model.service import Protocol
from accel.verdicts import Verdict
from bench.harness.cpus import pinned
from bench.harness.frames import SERVICE4, packet
from bench.harness.programs import Ours, place
from bench.harness.runner import FRAME, NATIVE, ROUNDS, Harness, Run
from bench.report.results import Result, result

_FRAMES = 1 << 18
_FLOWS = 1 << 16


def run() -> Iterator[Result]:
    """Ours, and a program that only returns XDP_TX, in turn."""
    namespace = Namespace(f"{unique()}-bench")
    try:
        link = namespace.netlink
        link.link("add", ifname="near", kind="veth", peer={"ifname": "far"})
        near, far = namespace.index("near"), namespace.index("far")
        for index in (near, far):
            link.link("set", index=index, state="up")
        with namespace.entered(), pinned():
            yield from _compare(near, far)
    finally:
        namespace.remove()


def _compare(near: int, far: int) -> Iterator[Result]:
    harness = Harness()
    ours = Ours([place(SERVICE4, Protocol.TCP, index=1, first=1, ifindex=far)])
    frames = Run(program=0, frame=packet(SERVICE4, Protocol.TCP), flows=_FLOWS)
    sender = harness.load("sender")
    links = [_attach(harness.load("sink"), near)]
    programs = {"gateway": ours.program, "tx_only": harness.load("bounce")}
    sent: dict[str, list[float]] = {name: [] for name in programs}
    came: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(ROUNDS):
        for name, program in programs.items():
            harness.prepare(frames)
            link = _attach(program, far)
            _send(sender, near, _FLOWS)  # every flow is known, and the caches are warm
            before = _arrived(harness)
            took = _send(sender, near, _FRAMES)
            sent[name].append(_FRAMES / took / 1e6)
            came[name].append((_arrived(harness) - before) / took / 1e6)
            os.close(link)
    for link in links:
        os.close(link)
    if (known := ours.seen(Verdict["FORWARD_FLOW"])) < 0.99 * ROUNDS * _FRAMES:
        raise AssertionError(f"only {known} frames were of known flows")
    for name in programs:
        yield result(
            f"wire_{name}",
            max(came[name]),
            "M frames/s out",
            rounds=ROUNDS,
            note=f"{max(sent[name]):.2f} M/s in, one core sends, steers and receives",
        )
    each = 1000 / max(came["gateway"]) - 1000 / max(came["tx_only"])
    yield result(
        "wire_gateway_of_tx_only",
        max(came["gateway"]) / max(came["tx_only"]),
        "",
        rounds=ROUNDS,
        note=f"established TCP, {_FLOWS} flows: {each:.0f} ns more for each frame",
    )


def _attach(program: int, ifindex: int) -> int:
    return syscall.link_create(program, ifindex, syscall.ATTACH_XDP, NATIVE)


def _send(program: int, ifindex: int, frames: int) -> float:
    """Seconds of CPU time that it took."""
    context = struct.pack("=6I", 0, FRAME, 0, ifindex, 0, 0)
    start = time.thread_time()
    syscall.prog_test_run(
        program,
        bytes(FRAME),
        context=context,
        repeat=frames,
        flags=syscall.F_TEST_XDP_LIVE_FRAMES,
    )
    return time.thread_time() - start


def _arrived(harness: Harness) -> int:
    value = syscall.map_lookup(harness.map_fd("arrived"), bytes(4), 8 * possible_cpus()) or b""
    return sum(count for (count,) in struct.iter_unpack("=Q", value))
