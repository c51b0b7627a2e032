"""A row: a packet in, and all that must come of it. `check` runs it, and says what differs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scapy.all import UDP, Ether, IPv6, Packet

from accel.datapath.guard.actions import Stance
from accel.verdicts import Verdict
from tests.support.packets.packets import CHOSEN_LABEL, CHOSEN_PORT
from tests.support.packets.rig import Rig

_ACTIONS = {"FORWARD": "XDP_REDIRECT", "PASS": "XDP_PASS", "DROP": "XDP_DROP", "TX": "XDP_TX"}
_FIRST_DYNAMIC_PORT = 49152  # RFC 6335 6
_Count = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Row:
    """`out` None: the packet leaves, or is left, byte for byte as it came.

    `service` is the name of the one that is found, "" for none; its first backend is chosen,
    unless `backend` is another number (0: none is). `before` are packets that go through first,
    and `change` is what happens to the world after them. `metadata` is headroom taken, in bytes.
    What depends on those or on a budget is not `traced`. `guards` are the stances of services, and
    `noted` the verdicts that a guard at level monitor would have come to.
    """

    name: str
    packet: Packet
    verdict: str
    service: str = ""
    out: Packet | None = None
    action: str = ""
    backend: int | None = None
    before: tuple[Packet, ...] = ()
    change: Callable[[Rig], None] | None = None
    metadata: int = 0
    traced: bool = True
    guards: Mapping[str, Stance] = field(default_factory=dict)
    noted: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name.replace(" ", "-")


def check(rig: Rig, row: Row) -> None:
    """Run `row` twice, traced and counted, and compare all that it says."""
    verdict = Verdict[row.verdict]
    rig.guard(row.guards)
    for packet in row.before:
        rig.count(bytes(packet))
    if row.change:
        row.change(rig)
        rig.place()
    frame = bytes(row.packet)
    before, counts, noted = rig.memory(), rig.counts(), rig.noted()
    traced = rig.trace(frame) if row.traced and rig.traces else None
    assert rig.memory() == before, "the traced run left something in the maps"

    done = rig.count(frame, metadata=row.metadata)
    index = rig.world.services[row.service].index if row.service else 0
    backend = _backend(rig, row)
    place = ("backend", backend) if verdict.forward else ("service", index)
    once = (1, len(frame))
    new = _new(counts, rig.counts())
    assert new == {(*place, verdict): once}, f"counted wrongly\n{_show('in', frame)}"
    new = _new(noted, rig.noted())
    assert new == {(index, Verdict[n]): once for n in row.noted}, f"noted\n{_show('in', frame)}"

    action = row.action or _ACTIONS[verdict.action]
    assert done.action == action
    if traced:
        assert (traced.verdict.name, traced.action) == (row.verdict, action)
        assert (traced.service, traced.backend) == (index, backend), "service, backend"
    if action == "XDP_DROP":
        return
    same_frame(frame, expected_frame(row, done.packet), done.packet)
    if traced:
        same_frame(frame, done.packet, traced.frame)


def _new(before: Mapping[Any, _Count], after: Mapping[Any, _Count]) -> dict[Any, _Count]:
    """What has been counted in between: packets and bytes."""
    return {
        key: (packets - before.get(key, (0, 0))[0], size - before.get(key, (0, 0))[1])
        for key, (packets, size) in after.items()
        if before.get(key) != (packets, size)
    }


def _backend(rig: Rig, row: Row) -> int:
    if row.backend is not None:
        return row.backend
    return next(iter(rig.world.numbers(row.service)), 0) if row.service else 0


def expected_frame(row: Row, actual: bytes) -> bytes:
    """What `row` says leaves, with the fields that are the gateway's to choose taken over."""
    if row.out is None:
        return bytes(row.packet)
    wanted, found = row.out.copy(), Ether(actual)
    if IPv6 in wanted and wanted[IPv6].fl == CHOSEN_LABEL and IPv6 in found:
        wanted[IPv6].fl = found[IPv6].fl
    if UDP in wanted and wanted[UDP].sport == CHOSEN_PORT and UDP in found:
        wanted[UDP].sport = max(found[UDP].sport, _FIRST_DYNAMIC_PORT)
    return bytes(wanted)


def same_frame(came: bytes, wanted: bytes, found: bytes) -> None:
    """Fail with all three packets dissected, and with how to build them again."""
    if wanted == found:
        return
    at = next((i for i, (a, b) in enumerate(zip(wanted, found, strict=False)) if a != b), None)
    where = f"byte {at}" if at is not None else "the length"
    raise AssertionError(
        f"they differ, first in {where} ({len(wanted)} bytes expected, {len(found)} found)\n"
        + _show("in", came)
        + _show("expected", wanted)
        + _show("found", found)
    )


def _show(what: str, frame: bytes) -> str:
    packet = Ether(frame)
    return (
        f"\n=== {what}: {len(frame)} bytes ===\n{packet.show(dump=True)}"
        f"{what} = {packet.command()}\n"
    )
