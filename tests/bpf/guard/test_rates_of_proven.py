"""Token buckets: SYNs and strays of sources that are proven."""

from __future__ import annotations

from accel.datapath.guard.actions import Level, Rule
from accel.model.guard import Rate
from tests.support.guard.guarding import ATTACKED, IPIP4, TCP4, TCP6, number, proof, stance, syn
from tests.support.guard.rates import LIMITED, guard, passing
from tests.support.packets.packets import LINK, tcp, to_api
from tests.support.packets.rig import Rig


def proven(rig: Rig, **rates: Rate) -> None:
    """A proven source, and its rates."""
    rig.guard({TCP4: stance(LIMITED, **rates), TCP6: stance(LIMITED, **rates)})
    for packet in (proof(), proof(6)):
        rig.count(bytes(packet))


def syns(count: int, version: int = 4, **fields: object) -> list[bytes]:
    return [bytes(syn(version, port=1000 + n, **fields)) for n in range(count)]


def strays(count: int) -> list[bytes]:
    return [bytes(LINK / to_api(4) / tcp(IPIP4.port, sport=5000 + n)) for n in range(count)]


def test_a_proven_source_opens_so_many_connections(rig: Rig) -> None:
    proven(rig, syn=Rate(per_second=1, burst=4))
    assert passing(rig, syns(7), "SYN_RATE") == [0, 1, 2, 3]
    rig.pass_time(2.1)
    assert passing(rig, syns(7), "SYN_RATE") == [0, 1]
    assert passing(rig, syns(7, 6), "SYN_RATE") == [0, 1, 2, 3], "IPv6 is another source"


def test_its_strays_have_a_bucket_of_their_own(rig: Rig) -> None:
    """Each new connection has one: the ACK of its handshake."""
    proven(rig, syn=Rate(per_second=1, burst=3))
    assert passing(rig, syns(5), "SYN_RATE") == [0, 1, 2]
    assert passing(rig, strays(5), "SYN_RATE") == [0, 1, 2]
    assert passing(rig, strays(5), "SYN_RATE") == [0, 1, 2], "known flows are no strays"


def test_what_is_challenged_takes_no_token(rig: Rig) -> None:
    proven(rig, syn=Rate(per_second=1, burst=2), syn_prefix=Rate(per_second=1, burst=2))
    for frame in syns(20, src="198.51.100.8"):
        assert rig.count(frame).action == "XDP_TX"
    assert passing(rig, syns(4), "SYN_RATE") == [0, 1]


def test_a_prefix_of_proven_sources(rig: Rig) -> None:
    proven(rig, syn=Rate(per_second=1, burst=2), syn_prefix=Rate(per_second=1, burst=3))
    other = syn(src="198.51.100.8")
    answer = LINK / to_api(4, src="198.51.100.8") / tcp(IPIP4.port, "R", seq=number(other))
    rig.count(bytes(answer))
    frames = [*syns(3), *syns(3, src="198.51.100.8")]
    assert passing(rig, frames, "SYN_RATE") == [0, 1, 3]


def test_the_rate_at_monitor(rig: Rig) -> None:
    levels = {**ATTACKED, Rule.SYN_RATE: Level.MONITOR}
    guard(rig, {TCP4: stance(levels, syn=Rate(per_second=1, burst=2))})
    rig.count(bytes(proof()))
    assert passing(rig, syns(5), "SYN_RATE") == [0, 1, 2, 3, 4]
    assert [(v.name, packets) for (_, v), (packets, _) in rig.noted().items()] == [("SYN_RATE", 3)]
