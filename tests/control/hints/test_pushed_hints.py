"""Pushed hints over gRPC: set, removed, listed, refused entry by entry."""

from __future__ import annotations

from collections import Counter
from functools import partial
from ipaddress import ip_address
from typing import Any

import pytest

from accel.control.hints.pushed import requests as hint_requests
from accel.control.hints.pushed.put_plan import Quotas
from accel.model.hints import UNUSED, Kind
from accel.model.placement import Limits
from accel.v1 import gateway_pb2, model_pb2
from accel.v1 import hint_pb2 as pb
from tests.support.daemon.here import Here
from tests.support.daemon.hinted import (
    apply,
    batch,
    errors,
    everything,
    hint,
    key,
    listed,
    refusal,
    stub,
)
from tests.support.daemon.objects import backend, service, web

HOUR = 3600


@pytest.fixture
def limits() -> Limits:
    return Limits(services=8, backends=16, hints=64)


@pytest.fixture
def placed(here: Here) -> Here:
    here.stub.Apply(web())
    return here


def kinds(here: Here) -> Kind:
    """What the data path looks for, of service web."""
    index = here.state.placement.services.taken["web"].number
    return here.data_path.hint_settings.uses.get(index, UNUSED).kinds


def test_what_is_set_is_listed_and_looked_for(placed: Here) -> None:
    assert kinds(placed) == Kind(0)
    answer = apply(
        placed,
        hint("198.51.100.7", require=True),
        hint("2001:db8::1", "b2", lifetime={"seconds": 60}),
        batch(["198.51.100.8", "2001:db8:1::1"], "b2"),
        version=17,
    )
    assert (answer.set, answer.removed, answer.failed) == (4, 0, 0)
    assert listed(placed) == {
        "198.51.100.7": "b1",
        "2001:db8::1": "b2",
        "198.51.100.8": "b2",
        "2001:db8:1::1": "b2",
    }
    by_client = {one.client: one for one in everything(placed)}
    assert by_client["198.51.100.7"].require
    assert not by_client["198.51.100.8"].require
    assert by_client["198.51.100.8"].left.seconds == HOUR
    assert by_client["2001:db8::1"].left.seconds == 60
    assert {one.caller for one in by_client.values()} == {"local"}
    assert kinds(placed) == Kind.PUSHED
    assert listed(placed, backend="b1", service="web") == {"198.51.100.7": "b1"}


def test_a_client_of_ipv6_is_a_network_and_the_last_word_counts(placed: Here) -> None:
    answer = apply(
        placed,
        hint("2001:db8::1", "b1"),
        hint("192.0.2.1", "b2"),
        hint("2001:db8::2", "b2"),
        hint("192.0.2.1", "b1"),
    )
    assert answer.set == 4
    assert listed(placed) == {"2001:db8::2": "b2", "192.0.2.1": "b1"}
    apply(placed, key("2001:db8::77"))
    assert listed(placed) == {"192.0.2.1": "b1"}


def test_prefixes(placed: Here) -> None:
    apply(placed, hint("10.0.0.0/8"), hint("2001:db8::/32", "b2"), hint("10.1.2.3", "b2"))
    assert listed(placed) == {"10.1.2.3": "b2", "10.0.0.0/8": "b1", "2001:db8::/32": "b2"}
    assert kinds(placed) == Kind.PUSHED | Kind.PREFIX
    assert len(placed.data_path.hints.prefixes) == 2
    answer = apply(placed, key("10.0.0.0/8"), key("10.1.2.3"), key("10.9.9.9"), key("11.0.0.0/8"))
    assert (answer.removed, answer.failed) == (2, 0)
    assert listed(placed) == {"2001:db8::/32": "b2"}
    assert kinds(placed) == Kind.PREFIX
    apply(placed, key("2001:db8::/32"))
    assert kinds(placed) == Kind(0)
    assert placed.data_path.hints.prefixes == {}


def test_what_is_wrong_is_refused_by_itself(placed: Here) -> None:
    answer = apply(
        placed,
        hint("198.51.100.1"),
        hint("198.51.100.2", "b9"),
        hint("198.51.100.3", service="api"),
        hint("198.51.100.256"),
        hint("10.0.0.1/8"),
        hint("198.51.100.4", lifetime={"seconds": 86_401}),
        hint("198.51.100.5", lifetime={"seconds": 60}, longest={"seconds": 59}),
        hint("198.51.100.6", longest={"seconds": -1}),
        batch(["198.51.100.7", "198.51.100.8"], "b9"),
        pb.HintBatch(service="web", backend="b2", ipv4=b"\x01\x02\x03\x04\x05", ipv6=bytes(16)),
        batch(["198.51.100.9"]),
        key("198.51.100.1", service="api"),
        key("nobody"),
    )
    assert errors(answer) == [
        (1, "hints[1].backend", "NOT_FOUND"),
        (2, "hints[2].service", "NOT_FOUND"),
        (3, "hints[3].client", "FIELD_INVALID"),
        (4, "hints[4].client", "FIELD_INVALID"),
        (5, "hints[5].lifetime", "FIELD_INVALID"),
        (6, "hints[6].lifetime", "FIELD_INVALID"),
        (7, "hints[7].longest", "FIELD_INVALID"),
        (8, "batches[0].backend", "NOT_FOUND"),
        (10, "batches[1].ipv4", "FIELD_INVALID"),
        (14, "remove[0].service", "NOT_FOUND"),
        (15, "remove[1].client", "FIELD_INVALID"),
    ]
    assert all(e.message and e.hint for e in answer.errors), answer.errors
    assert (answer.set, answer.failed) == (3, 13)
    assert listed(placed) == {"198.51.100.1": "b1", "198.51.100.9": "b1", "::": "b2"}


def test_of_many_errors_the_first_are_told(placed: Here) -> None:
    wrong = [hint(f"10.0.{n >> 8}.{n & 255}", "b9") for n in range(300)]
    answer = apply(placed, *wrong, hint("10.9.9.9"))
    assert [e.entry for e in answer.errors] == list(range(100))
    assert (answer.failed, answer.set) == (300, 1)


def test_what_is_too_much_for_the_map_is_refused_by_itself(placed: Here) -> None:
    clients = [f"10.0.0.{n}" for n in range(60)]
    assert apply(placed, batch(clients)).set == 60
    answer = apply(placed, batch([f"10.0.1.{n}" for n in range(10)], "b2"), hint("10.0.0.0", "b2"))
    assert (answer.set, answer.failed) == (5, 6)
    assert errors(answer)[0] == (5, "batches[0].ipv4[4]", "CAPACITY")
    assert "--max-hints" in answer.errors[0].hint
    # What is there can be set anew.
    answer = apply(placed, batch(clients, "b2"), batch(["10.0.2.1"]))
    assert (answer.set, answer.failed) == (60, 1)
    assert Counter(listed(placed).values()) == {"b2": 64}


def test_prefixes_have_a_limit_of_their_own(placed: Here) -> None:
    answer = apply(placed, *(hint(f"10.{n}.0.0/16") for n in range(6)))
    assert (answer.set, answer.failed) == (4, 2)
    assert errors(answer)[0] == (4, "hints[4].client", "CAPACITY")


class TestQuotas:
    """A caller may have ten hints, a service fifteen."""

    @pytest.fixture
    def here(self, folder, limits):  # type: ignore[no-untyped-def]
        gateway = Here(folder, limits, quotas=Quotas(caller=10, service=15))
        gateway.stub.Apply(web())
        yield gateway
        gateway.close()

    def test_of_callers(self, here: Here) -> None:
        clients = [f"10.0.0.{n}" for n in range(12)]
        answer = apply(here, batch(clients), caller="one")
        assert (answer.set, errors(answer)) == (
            10,
            [(n, f"batches[0].ipv4[{n}]", "QUOTA") for n in (10, 11)],
        )
        assert "--hints-per-caller" in answer.errors[0].hint
        # Others are asked by themselves; who sets a hint anew has it from then on.
        assert apply(here, batch(clients[8:]), caller="two").failed == 0
        assert apply(here, *map(hint, ["10.1.0.1", "10.1.0.2", "10.1.0.3"]), caller="one").set == 2
        apply(here, *map(key, clients[:4]), caller="two")
        assert apply(here, hint("10.2.0.0/16"), hint("10.2.0.1"), caller="one").failed == 0
        assert Counter(one.caller for one in everything(here)) == {"one": 8, "two": 4}

    def test_of_services(self, here: Here) -> None:
        assert apply(here, *(hint(f"10.0.0.{n}") for n in range(9)), caller="one").set == 9
        answer = apply(here, *(hint(f"10.0.1.{n}") for n in range(8)), caller="two")
        assert (answer.set, answer.failed) == (6, 2)
        assert errors(answer)[0] == (6, "hints[6].client", "QUOTA")
        assert "--hints-per-service" in answer.errors[0].hint
        here.stub.CreateService(
            gateway_pb2.CreateServiceRequest(service=service("api", address="192.0.2.2"))
        )
        here.stub.CreateBackend(gateway_pb2.CreateBackendRequest(backend=backend(service="api")))
        assert apply(here, hint("10.0.0.1", service="api"), caller="two").set == 1
        # The one that is refused takes nothing: the same client may come again for less.
        assert apply(here, hint("10.0.0.3", "b2"), caller="two").set == 1


def test_hints_go_with_what_they_lead_to(placed: Here) -> None:
    apply(placed, hint("10.0.0.1"), hint("10.0.0.2", "b2"), hint("10.1.0.0/16"))
    placed.stub.DeleteBackend(gateway_pb2.DeleteBackendRequest(service="web", name="b1"))
    assert listed(placed) == {"10.0.0.2": "b2"}
    assert kinds(placed) == Kind.PUSHED
    placed.stub.CreateBackend(gateway_pb2.CreateBackendRequest(backend=backend()))
    assert listed(placed) == {"10.0.0.2": "b2"}
    placed.stub.DeleteService(gateway_pb2.DeleteServiceRequest(name="web"))
    assert listed(placed) == {}
    placed.stub.Apply(web())
    assert listed(placed) == {}
    assert kinds(placed) == Kind(0)
    assert apply(placed, hint("10.0.0.1", "b2")).set == 1


def test_keys_of_another_length_are_hashed_anew(placed: Here) -> None:
    apply(placed, hint("10.0.0.1"), hint("10.0.0.2", "b2"), hint("10.0.1.1"), hint("2001:db8::1"))

    def use(**lengths: Any) -> None:
        hints = model_pb2.Hints(**lengths)
        changed = model_pb2.Service(name="web", hints=hints)
        placed.stub.UpdateService(gateway_pb2.UpdateServiceRequest(service=changed))

    use(key4=24)
    assert len(listed(placed)) == 3
    apply(placed, key("10.0.0.200"))
    assert listed(placed) == {"10.0.1.1": "b1", "2001:db8::1": "b1"}
    use(key4=32, key6=128)
    apply(placed, key("10.0.1.2"), key("2001:db8::2"))
    assert listed(placed) == {"10.0.1.1": "b1", "2001:db8::1": "b1"}
    apply(placed, key("10.0.1.1"), key("2001:db8::1"))
    assert listed(placed) == {}


def test_a_request_of_many_steps(placed: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hint_requests, "SIZE", 4)
    clients = [str(ip_address("10.0.0.0") + n) for n in range(11)]
    answer = apply(
        placed,
        *(hint(c, "b2") for c in clients),
        batch([*clients, "2001:db8::1"]),
        *map(key, clients[:5]),
        key("bad"),
    )
    assert (answer.set, answer.removed, answer.failed) == (23, 5, 1)
    assert errors(answer) == [(28, "remove[5].client", "FIELD_INVALID")]
    assert listed(placed) == dict.fromkeys([*clients[5:], "2001:db8::1"], "b1")


def test_a_stream_answers_each_request_in_order(placed: Here) -> None:
    requests = [
        pb.ApplyHintsRequest(version=n, hints=[hint(f"10.0.0.{n}")], caller="agent")
        for n in range(1, 30)
    ]
    answers = list(stub(placed).ApplyHints(iter(requests), timeout=30))
    assert [a.version for a in answers] == list(range(1, 30))
    assert len(listed(placed)) == 29
    assert {one.caller for one in everything(placed)} == {"agent"}


def test_pages_while_hints_come_and_go(placed: Here) -> None:
    kept = [f"10.0.0.{n}" for n in range(20)]
    apply(placed, batch(kept), hint("10.1.0.0/16"), hint("10.2.0.0/16", "b2"))
    found, token, pages = [], "", 0
    while pages == 0 or token:
        page = stub(placed).ListHints(pb.ListHintsRequest(page_size=3, page_token=token))
        found += [one.client for one in page.hints]
        assert len(page.hints) <= 3
        assert page.count >= 22
        token = page.next_page_token
        pages += 1
        apply(placed, hint(f"10.9.0.{pages}"), key(f"10.9.0.{pages - 2}"))
    mine = [client for client in found if not client.startswith("10.9.")]
    assert sorted(mine) == sorted([*kept, "10.1.0.0/16", "10.2.0.0/16"])
    assert mine[-2:] == ["10.1.0.0/16", "10.2.0.0/16"]


def test_what_cannot_be_listed_or_said(placed: Here) -> None:
    calls = stub(placed)
    for request, seen in (
        (pb.ListHintsRequest(page_size=10_001), ("INVALID_ARGUMENT", "page_size")),
        (pb.ListHintsRequest(page_token="-1"), ("INVALID_ARGUMENT", "page_token")),
        (pb.ListHintsRequest(backend="b1"), ("INVALID_ARGUMENT", "service")),
        (pb.ListHintsRequest(service="api"), ("NOT_FOUND", "api")),
        (pb.ListHintsRequest(service="web", backend="b9"), ("NOT_FOUND", "web/b9")),
    ):
        assert refusal(partial(calls.ListHints, request)) == seen
    assert refusal(lambda: apply(placed, caller="a\nb")) == ("INVALID_ARGUMENT", "caller")
    assert refusal(lambda: next(calls.WatchHints(pb.WatchHintsRequest(service="api")))) == (
        "NOT_FOUND",
        "api",
    )
