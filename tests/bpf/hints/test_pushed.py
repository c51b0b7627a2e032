"""Pushed hints and those of prefixes: which are followed, which refused, what is counted."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network

import numpy as np
import pytest

from accel.model.backend import State
from accel.model.hints import Kind
from tests.support.hints.hint_writer import Refused
from tests.support.hints.hinting import TCP4, TCP6, UDP4, Hinted, ack, datagram, syn
from tests.support.packets.rig import Rig
from tests.support.packets.world import CLIENT4, CLIENT6, GENERATION

NET4, NET6 = ip_network("198.51.100.0/24"), ip_network("2001:db8:c::/48")


@pytest.fixture
def hinted(rig: Rig) -> Hinted:
    return Hinted(rig)


def other(hinted: Hinted, client: str = CLIENT4) -> int:
    """A backend that is not the client's base choice."""
    base, _ = hinted.chosen(syn(client))
    return next(n for n in hinted.numbers if n != base)


@pytest.mark.parametrize("client", [CLIENT4, CLIENT6])
def test_a_pushed_hint_is_followed(rig: Rig, client: str) -> None:
    hinted = Hinted(rig, TCP4 if client == CLIENT4 else TCP6)
    hinted.use()
    wanted = other(hinted, client)
    hinted.push(wanted, client)
    assert hinted.chosen(syn(client)) == (wanted, "PUSHED")
    assert hinted.connect(client) == wanted
    assert hinted.outcomes() == {"PUSHED": 1}
    assert hinted.remove(client) == 1
    assert hinted.chosen(syn(client, 2))[1] == "BASE"


def test_of_ipv6_all_of_a_64_are_one_client(rig: Rig) -> None:
    hinted = Hinted(rig, TCP6)
    hinted.use()
    hinted.push(hinted.numbers[0], CLIENT6)
    assert hinted.chosen(syn("2001:db8:c::ffff"))[1] == "PUSHED"
    assert hinted.chosen(syn("2001:db8:c:1::7"))[1] == "BASE"


def test_the_length_of_a_client_is_configured(hinted: Hinted) -> None:
    hinted.use(key4=24)
    hinted.push(hinted.numbers[0], CLIENT4)
    assert hinted.chosen(syn("198.51.100.200"))[1] == "PUSHED"
    assert hinted.chosen(syn("198.51.101.7"))[1] == "BASE"


def test_a_hint_is_of_one_service(rig: Rig) -> None:
    hinted, over_udp = Hinted(rig), Hinted(rig, UDP4)
    hinted.use()
    over_udp.use()
    hinted.push(other(hinted))
    assert over_udp.chosen(datagram())[1] == "BASE"


def test_what_no_hint_is_followed_for_stores_nothing_at_the_syn(hinted: Hinted) -> None:
    hinted.use()
    base, _ = hinted.chosen(syn())
    hinted.rig.count(syn())
    assert not hinted.rig.flow_words.any()
    assert hinted.went(ack()) == base
    assert hinted.outcomes() == {"BASE": 1}


def test_a_hint_that_names_the_base_choice_is_counted_once(hinted: Hinted) -> None:
    hinted.use()
    base, _ = hinted.chosen(syn())
    hinted.push(base)
    assert hinted.connect() == base
    assert hinted.went(syn()) == base
    assert hinted.outcomes() == {"PUSHED": 1}


def test_a_hint_for_the_base_choice_is_not_late(hinted: Hinted) -> None:
    hinted.use()
    base = hinted.went(syn())
    hinted.push(base)
    assert hinted.went(ack()) == base
    assert hinted.outcomes() == {"PUSHED": 1}


def test_a_hint_that_comes_between_syn_and_ack_is_too_late(hinted: Hinted) -> None:
    hinted.use()
    wanted = other(hinted)
    base = hinted.went(syn())
    hinted.push(wanted)
    assert hinted.went(ack()) == base
    assert hinted.outcomes() == {"LATE": 1}


def test_a_hint_never_moves_a_known_flow(hinted: Hinted) -> None:
    hinted.use()
    base = hinted.connect()
    hinted.push(next(n for n in hinted.numbers if n != base))
    assert hinted.went(ack(data=b"more")) == base
    assert hinted.went(syn()) == base  # sent again


def drained(hinted: Hinted, number: int) -> None:
    hinted.rig.world.change(hinted.service, number, state=State.DRAIN)
    hinted.rig.place()


def downed(hinted: Hinted, number: int) -> None:
    hinted.rig.world.change(hinted.service, number, state=State.DOWN)
    hinted.rig.place()


def cut_off(hinted: Hinted, number: int) -> None:
    hinted.rig.world.change(hinted.service, number, next_hop=False)
    hinted.rig.place()


def replaced(hinted: Hinted, number: int) -> None:
    hinted.rig.world.change(hinted.service, number, generation=GENERATION + 1)
    hinted.rig.place()


def removed(hinted: Hinted, number: int) -> None:
    hinted.rig.world.remove_backend(hinted.service, number)
    hinted.rig.place()


def expired(hinted: Hinted, number: int) -> None:
    hinted.set_times("pushed", 0)


REFUSED: dict[str, tuple[Callable[[Hinted, int], None], str]] = {
    "drain": (drained, "DOWN"),
    "down": (downed, "DOWN"),
    "no next hop": (cut_off, "DOWN"),
    "replaced": (replaced, "STALE"),
    "removed": (removed, "STALE"),
    "expired": (expired, "EXPIRED"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_hint_falls_through_to_the_base_choice(hinted: Hinted, name: str) -> None:
    happens, why = REFUSED[name]
    hinted.use()
    wanted = other(hinted)
    hinted.push(wanted)
    happens(hinted, wanted)
    number, outcome = hinted.chosen(syn())
    assert number not in (0, wanted)
    assert outcome == f"PUSHED_{why}"
    assert hinted.connect() == number
    assert hinted.outcomes() == {f"PUSHED_{why}": 1}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_hint_falls_through_to_the_next(hinted: Hinted, name: str) -> None:
    happens, _ = REFUSED[name]
    hinted.use(there=Kind.PUSHED | Kind.PREFIX)
    first, second = (n for n in hinted.numbers if n != hinted.chosen(syn())[0])
    hinted.push(first)
    hinted.push_prefix(second, NET4)
    assert hinted.chosen(syn()) == (first, "PUSHED")
    happens(hinted, first)
    assert hinted.chosen(syn()) == (second, "PREFIX")


def test_hints_stay_while_their_backend_drains(hinted: Hinted) -> None:
    hinted.use()
    wanted = other(hinted)
    hinted.push(wanted)
    drained(hinted, wanted)
    hinted.rig.world.change(hinted.service, wanted, state=State.UP)
    hinted.rig.place()
    assert hinted.chosen(syn()) == (wanted, "PUSHED")


@pytest.mark.parametrize("require", [False, True])
def test_also_a_required_hint_is_refused_by_state(hinted: Hinted, require: bool) -> None:
    hinted.use()
    wanted = other(hinted)
    hinted.push(wanted, require=require)
    downed(hinted, wanted)
    assert hinted.chosen(syn())[1] == "PUSHED_DOWN"


def test_the_longest_prefix_decides(hinted: Hinted) -> None:
    hinted.use(there=Kind.PUSHED | Kind.PREFIX)
    a, b, _ = hinted.numbers
    hinted.push_prefix(a, ip_network("198.0.0.0/8"))
    hinted.push_prefix(b, NET4)
    assert hinted.chosen(syn()) == (b, "PREFIX")
    assert hinted.chosen(syn("198.1.1.1")) == (a, "PREFIX")
    assert hinted.chosen(syn("10.0.0.1"))[1] == "BASE"
    assert hinted.remove(NET4) == 1
    assert hinted.chosen(syn()) == (a, "PREFIX")


@pytest.mark.parametrize("why", ["EXPIRED", "STALE", "DOWN"])
def test_a_prefix_s_hint_is_refused_as_others_are(rig: Rig, why: str) -> None:
    hinted = Hinted(rig, TCP6)
    hinted.use(there=Kind.PUSHED | Kind.PREFIX)
    wanted = other(hinted, CLIENT6)
    hinted.push_prefix(wanted, NET6, lifetime=1)
    assert hinted.chosen(syn(CLIENT6)) == (wanted, "PREFIX")
    {"STALE": replaced, "DOWN": downed, "EXPIRED": outlived}[why](hinted, wanted)
    assert hinted.chosen(syn(CLIENT6))[1] == f"PREFIX_{why}"


def outlived(hinted: Hinted, number: int) -> None:
    end = hinted.hints.now() + 1
    while hinted.hints.now() < end:
        pass


def test_a_hint_ends_in_its_last_second(hinted: Hinted) -> None:
    hinted.use()
    wanted = other(hinted)
    hinted.push(wanted)
    for until, outcome in ((-1, "PUSHED_EXPIRED"), (0, "PUSHED_EXPIRED"), (3, "PUSHED")):
        hinted.set_times("pushed", until)
        assert hinted.chosen(syn())[1] == outcome


def test_use_prolongs_a_hint_but_not_beyond_its_end(hinted: Hinted) -> None:
    hinted.use(lifetime=500)
    wanted = other(hinted)
    hinted.push(wanted, lifetime=5, longest=400)
    hinted.rig.trace(syn())
    assert left(hinted) <= 5
    hinted.connect()
    assert 398 <= left(hinted) <= 400
    hinted.set_times("pushed", 5)
    hinted.connect(port=40002)
    assert 498 <= left(hinted) <= 500


def left(hinted: Hinted) -> int:
    seen = hinted.seen(Kind.PUSHED)
    assert seen
    return seen.seconds


def test_a_refused_or_unused_hint_is_that_of_its_own_service_only(hinted: Hinted) -> None:
    foreign = hinted.rig.world.numbers(UDP4)[0]
    hinted.use(there=Kind.PUSHED | Kind.PREFIX)
    with pytest.raises(Refused, match="NOT_FOUND"):
        hinted.push(foreign)
    with pytest.raises(Refused, match="NOT_FOUND"):
        hinted.push_prefix(foreign, NET4, lifetime=5)
    assert len(hinted.hints) == 0
    assert not list(hinted.hints.pushed.prefixes.items())
    # And if it is there all the same:
    hinted.push(hinted.numbers[0])
    words = hinted.rig.words("pushed")
    at = np.flatnonzero(words)[0]
    words[at] = (int(words[at]) & ~(0x1FFFF << 12)) | foreign << 12
    assert hinted.chosen(syn())[1] == "PUSHED_STALE"
