"""How hints are used, over gRPC: what is given, what stays, what is refused, what is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from accel.model.hints import (
    NOTHING,
    UNUSED,
    Affinity,
    HintUse,
    Kind,
    Learn,
    QuicId,
    Shard,
    ShardKey,
)
from accel.model.quic import ServerId
from accel.v1 import gateway_pb2 as pb
from accel.v1 import model_pb2
from tests.support.daemon.here import Here, details_of
from tests.support.daemon.objects import backend, service, web

FORM = model_pb2.QuicId(rotation=2, server_id_length=2, nonce_length=6)
QUIC = model_pb2.Hints(quic=model_pb2.QuicIds(forms=[FORM]))
UDP = model_pb2.PROTOCOL_UDP


def update(here: Here, **fields: Any) -> model_pb2.Hints:
    wanted = model_pb2.Service(name="web", hints=model_pb2.Hints(**fields))
    answer: pb.UpdateServiceResponse = here.stub.UpdateService(
        pb.UpdateServiceRequest(service=wanted)
    )
    return answer.service.hints


def ids(*of: tuple[int, bytes]) -> model_pb2.ServerIds:
    return model_pb2.ServerIds(ids=[model_pb2.ServerId(rotation=r, id=i) for r, i in of])


def refusal(call: Callable[[], Any]) -> str:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    violation = details_of(caught.value)["BadRequest"].field_violations[0]
    return f"{violation.field}: {violation.description}"


def test_what_is_not_given_has_its_default_and_stays_in_an_update(here: Here) -> None:
    here.stub.Apply(web())
    assert not here.stub.GetService(pb.GetServiceRequest(name="web")).service.HasField("hints")
    made = update(here, affinity=model_pb2.AFFINITY_CLIENT, holdout=0, bound=1.25)
    assert made.affinity == model_pb2.AFFINITY_CLIENT
    assert (made.holdout, made.bound, made.HasField("holdout")) == (0, 1.25, True)
    assert (made.learn, made.lifetime, made.longest) == (model_pb2.LEARN_OFF, 3600, 86400)
    shard = model_pb2.Shard(key=model_pb2.SHARD_KEY_SOURCE, size=3)
    made = update(here, learn=model_pb2.LEARN_ALL, shard=shard, warm=True)
    assert (made.affinity, made.holdout, made.shard) == (model_pb2.AFFINITY_CLIENT, 0, shard)
    made = update(here, warm=False)
    assert (made.warm, made.learn) == (False, model_pb2.LEARN_ALL)
    hints = here.state.services["web"].hints
    assert (hints.affinity, hints.learn) == (Affinity.CLIENT, Learn.ALL)
    assert hints.shard == Shard(key=ShardKey.SOURCE, size=3)
    assert here.data_path.hint_settings.uses[1] == HintUse(hints=hints)
    assert here.store.load().services["web"].hints == hints


def test_forms_and_ids_are_replaced_as_a_whole_where_they_are_set(here: Here) -> None:
    here.stub.CreateService(pb.CreateServiceRequest(service=service(protocol=UDP, hints=QUIC)))
    made = here.stub.CreateBackend(
        pb.CreateBackendRequest(backend=backend(server_ids=ids((2, b"\x0a\x0b"))))
    ).backend
    assert made.server_ids == ids((2, b"\x0a\x0b"))
    assert here.state.services["web"].hints.quic == (
        QuicId(rotation=2, server_id_length=2, nonce_length=6),
    )
    ident = ServerId(rotation=2, id=b"\x0a\x0b")
    assert here.data_path.hints.server_ids == {1: {ident: 1}}
    kept = here.stub.UpdateBackend(
        pb.UpdateBackendRequest(backend=backend(address="10.0.0.2", weight=7))
    ).backend
    assert kept.server_ids == made.server_ids
    assert "would not fit" in refusal(lambda: update(here, quic=model_pb2.QuicIds()))
    gone = here.stub.UpdateBackend(
        pb.UpdateBackendRequest(
            backend=model_pb2.Backend(service="web", name="b1", server_ids=ids())
        )
    ).backend
    assert not gone.HasField("server_ids")
    assert here.data_path.hints.server_ids == {}
    assert not update(here, quic=model_pb2.QuicIds()).quic.forms
    assert here.data_path.hint_settings.uses[1] == UNUSED


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"affinity": 9}, "service.hints.affinity: 9 is not known"),
        ({"learn": model_pb2.LEARN_EXCEPTIONS}, "service.hints.learn: there are no exceptions"),
        ({"bound": 0.5}, "service.hints.bound: 0.5 is not above 1"),
        ({"holdout": float("nan")}, "service.hints.holdout: nan is not from 0 to 100"),
        ({"key4": 33}, "service.hints.key4: 33 is not from 8 to 32"),
        ({"lifetime": 90_000}, "service.hints.lifetime: 90000 is not from 1 to 86400"),
        ({"longest": 10}, "service.hints.longest: 10 is below the lifetime"),
        ({"shard": model_pb2.Shard(key=model_pb2.SHARD_KEY_PORT)}, "service.hints.shard.size: 0"),
        ({"quic": QUIC.quic}, "service.hints.quic: is for UDP"),
        (
            {"quic": model_pb2.QuicIds(forms=[FORM, FORM])},
            "service.hints.quic[1].rotation: 2 stands there twice",
        ),
    ],
)
def test_what_is_wrong_is_refused_and_changes_nothing(
    here: Here, fields: dict[str, Any], says: str
) -> None:
    here.stub.Apply(web())
    before = here.state
    assert refusal(lambda: update(here, **fields)).startswith(says)
    assert here.state is before


def test_a_server_id_that_does_not_fit_is_refused(here: Here) -> None:
    here.stub.CreateService(pb.CreateServiceRequest(service=service(protocol=UDP, hints=QUIC)))

    def create(name: str, *of: tuple[int, bytes]) -> Any:
        made = backend(name, server_ids=ids(*of))
        return here.stub.CreateBackend(pb.CreateBackendRequest(backend=made))

    create("b1", (2, b"ab"))
    for of, says in (
        ((2, b"abc"), "backend.server_ids.2: 616263 has 3 bytes"),
        ((3, b"ab"), "backend.server_ids.3: service 'web' has no form"),
        ((2, b"ab"), "backend.server_ids.2: 6162 is the id of backend 'b1' already"),
    ):
        assert refusal(lambda of=of: create("b2", of)).startswith(says)  # type: ignore[misc]
    assert list(here.state.backends["web"]) == ["b1"]


def test_kinds_are_looked_for_while_there_are_hints_of_them(here: Here) -> None:
    here.stub.Apply(web())
    hinting = here.hints.hinting
    assert here.data_path.hint_settings.uses.get(1, UNUSED).idle
    assert here.run(lambda: hinting.ask(1, Kind.PUSHED | Kind.PREFIX)) == 1
    assert here.data_path.hint_settings.uses[1].kinds == Kind.PUSHED | Kind.PREFIX
    update(here, warm=True)
    assert here.data_path.hint_settings.uses[1].kinds == Kind.PUSHED | Kind.PREFIX | Kind.WARM
    assert here.run(lambda: hinting.ask(1, NOTHING)) == 1
    assert here.data_path.hint_settings.uses[1].kinds == Kind.WARM
    assert here.run(lambda: hinting.ask(1, NOTHING)) == 0
    here.run(lambda: hinting.ask(1, Kind.PUSHED))
    here.stub.DeleteService(pb.DeleteServiceRequest(name="web"))
    here.stub.Apply(web())  # its index is given out anew
    assert here.run(lambda: hinting.use(1)) == UNUSED


def test_what_failed_is_made_up_for(here: Here) -> None:
    """A data path that refuses gets all of it with the next sync."""
    here.stub.CreateService(pb.CreateServiceRequest(service=service(protocol=UDP, hints=QUIC)))
    here.data_path.calls.broken = True
    with pytest.raises(grpc.RpcError):
        here.stub.CreateBackend(
            pb.CreateBackendRequest(backend=backend(server_ids=ids((2, b"ab"))))
        )
    assert here.data_path.hints.server_ids == {}
    here.data_path.calls.broken = False
    here.data_path.hint_settings.uses.clear()
    here.run(here.writer.catch_up)
    assert here.data_path.hints.server_ids == {1: {ServerId(rotation=2, id=b"ab"): 1}}
    assert here.data_path.hint_settings.uses[1].kinds == Kind.CID
