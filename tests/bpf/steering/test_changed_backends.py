"""Flows while backends come, go, drain and fail: what stays and what moves."""

from __future__ import annotations

from accel.model.backend import State
from tests.support.packets.flows import POOL, TCP4, UDP4, chosen, client, known
from tests.support.packets.packets import LINK, to_api, udp
from tests.support.packets.rig import Rig
from tests.support.packets.world import GENERATION


def spread(rig: Rig, service: str = TCP4) -> dict[int, int]:
    """Forty flows, known; the backend of each."""
    for number in range(40):
        rig.count(client(number))
    return {number: chosen(rig, client(number)) for number in range(40)}


def test_flows_stay_when_a_backend_is_taken_away_from_the_others(rig: Rig) -> None:
    before = spread(rig)
    gone = rig.world.numbers(TCP4)[1]
    rig.world.remove_backend(TCP4, gone)
    rig.place()
    for number, backend in before.items():
        outcome = rig.trace(client(number))
        assert outcome.known_flow == (backend != gone)
        assert (outcome.backend == backend) == (backend != gone)
        assert outcome.backend in rig.world.numbers(TCP4)


def test_flows_stay_when_a_backend_comes(rig: Rig) -> None:
    full = rig.world.services[TCP4]
    rig.world.remove_backend(TCP4, rig.world.numbers(TCP4)[1])
    rig.place()
    before = spread(rig)
    rig.world.services[TCP4] = full
    rig.place()
    assert {n: chosen(rig, client(n)) for n in before} == before
    fresh = {chosen(rig, client(n)) for n in range(40, 120)}
    assert fresh == set(rig.world.numbers(TCP4))


def test_drain_keeps_its_flows_and_gets_no_new_ones(rig: Rig) -> None:
    before = spread(rig)
    drained = rig.world.numbers(TCP4)[0]
    rig.world.change(TCP4, drained, state=State.DRAIN)
    rig.place()
    assert {n: chosen(rig, client(n)) for n in before} == before
    assert all(chosen(rig, client(n)) != drained for n in range(40, 200))
    assert rig.datapath.flows.per_backend()[drained] == list(before.values()).count(drained)


def test_a_syn_on_a_drained_flow_goes_elsewhere(rig: Rig) -> None:
    """The client uses its port again: a new connection, which a draining backend must not get."""
    before = spread(rig)
    drained = rig.world.numbers(TCP4)[0]
    number = next(n for n, backend in before.items() if backend == drained)
    rig.world.change(TCP4, drained, state=State.DRAIN)
    rig.place()
    assert chosen(rig, client(number, "S")) != drained
    rig.count(client(number, "S"))
    assert chosen(rig, client(number)) != drained, "its next packets go where its SYN went"


def test_down_moves_its_flows(rig: Rig) -> None:
    before = spread(rig)
    down = rig.world.numbers(TCP4)[2]
    rig.world.change(TCP4, down, state=State.DOWN)
    rig.place()
    for number, backend in before.items():
        now = chosen(rig, client(number))
        assert now == backend if backend != down else now != down
    assert rig.datapath.flows.per_backend()[down] == 0
    for number in before:
        rig.count(client(number))
    assert rig.datapath.flows.per_backend().sum() == 40, (
        "moved flows take the place of their old words"
    )
    rig.world.change(TCP4, down, state=State.UP)
    rig.place()
    for number in before:
        assert known(rig, client(number))
        assert chosen(rig, client(number)) != down, "moved once, they stay where they are"


def test_a_number_that_is_given_out_again_revives_no_flow(rig: Rig) -> None:
    before = spread(rig)
    reused = rig.world.numbers(TCP4)[0]
    rig.world.change(TCP4, reused, generation=GENERATION + 1)
    rig.place()
    assert rig.datapath.flows.per_backend()[reused] == 0
    for number, backend in before.items():
        assert known(rig, client(number)) == (backend != reused)


def test_nor_when_all_its_generations_were_used_up(rig: Rig) -> None:
    reused = rig.world.numbers(TCP4)[0]
    rig.world.change(TCP4, reused, generation=0)
    rig.place()
    before = spread(rig)
    full = rig.world.services[TCP4]
    rig.world.remove_backend(TCP4, reused)
    rig.place()
    rig.world.services[TCP4] = full
    rig.place()
    for number, backend in before.items():
        assert known(rig, client(number)) == (backend != reused)


def test_a_change_between_a_syn_and_its_ack_does_not_part_them(rig: Rig) -> None:
    number = rig.world.numbers(TCP4)[0]
    full = rig.world.services[TCP4]
    by_full = {n: chosen(rig, client(n, "S")) for n in range(60)}
    rig.world.remove_backend(TCP4, number)
    rig.place_now()
    by_less = {n: chosen(rig, client(n, "S")) for n in by_full}
    for n, backend in by_full.items():
        # The one that is gone can keep nothing; the others keep the handshakes they have.
        assert chosen(rig, client(n)) == (by_less[n] if backend == number else backend)
    rig.forget_former_rings()
    rig.world.services[TCP4] = full
    rig.place_now()
    assert {n: chosen(rig, client(n)) for n in by_full} == by_less
    assert {n: chosen(rig, client(n, "S")) for n in by_full} == by_full
    rig.count(client(0))  # its SYN was before the change
    moved = [n for n in by_full if by_less[n] != by_full[n]]
    for n in moved[1:]:
        rig.count(client(n, "S"))
        assert known(rig, client(n)), "a SYN that the former ring would send elsewhere is stored"
        assert chosen(rig, client(n)) == by_full[n]
    rig.forget_former_rings()
    assert chosen(rig, client(0)) == by_less[0], "stored by its ACK"
    assert chosen(rig, client(moved[0])) == by_full[moved[0]]


def test_a_datagram_goes_by_the_new_ring_at_once(rig: Rig) -> None:
    frames = [bytes(LINK / to_api(4, src=f"198.51.100.{n}") / udp(POOL.port)) for n in range(1, 60)]
    number = rig.world.numbers(UDP4)[0]
    full = rig.world.services[UDP4]
    by_full = [chosen(rig, frame) for frame in frames]
    rig.world.remove_backend(UDP4, number)
    rig.place()
    rig.world.services[UDP4] = full
    rig.place_now()
    assert [chosen(rig, frame) for frame in frames] == by_full


def test_a_backend_taken_away_and_put_back_keeps_what_is_left_of_its_flows(rig: Rig) -> None:
    before = spread(rig)
    number = rig.world.numbers(TCP4)[0]
    full = rig.world.services[TCP4]
    rig.world.remove_backend(TCP4, number)
    rig.place()
    assert not any(chosen(rig, client(n)) == number for n in before)
    rig.world.services[TCP4] = full
    rig.place()
    assert {n: chosen(rig, client(n)) for n in before} == before
