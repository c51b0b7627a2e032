"""SetShard, GetHintStats, and Explain with hints, over gRPC."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from accel.datapath.hints.admission import Candidate, Refusal
from accel.datapath.hints.outcomes import HintOutcome
from accel.datapath.hints.values import Seen, Standing
from accel.datapath.testrun import Outcome
from accel.model.address import parse_address
from accel.model.hints import Kind, Shard, ShardKey
from accel.v1 import gateway_pb2 as pb
from accel.v1 import hint_pb2, hint_pb2_grpc, model_pb2
from accel.verdicts import Verdict
from tests.support.daemon.here import Here, details_of
from tests.support.daemon.objects import service, web

CLIENT = "198.51.100.7"


@pytest.fixture
def calls(here: Here) -> Any:
    here.stub.Apply(web())
    return hint_pb2_grpc.HintServiceStub(here.channel)


def shard(key: Any, size: int = 0, **fields: Any) -> hint_pb2.SetShardRequest:
    made = model_pb2.Shard(key=key, size=size)
    return hint_pb2.SetShardRequest(service="web", shard=made, **fields)


def use(here: Here, **fields: Any) -> None:
    wanted = model_pb2.Service(name="web", hints=model_pb2.Hints(**fields))
    here.stub.UpdateService(pb.UpdateServiceRequest(service=wanted))


def test_a_shard_is_set_and_taken_away(here: Here, calls: Any) -> None:
    use(here, holdout=7)
    made = calls.SetShard(shard(model_pb2.SHARD_KEY_SOURCE, 3)).service
    assert (made.hints.shard.size, made.hints.holdout, made.revision) == (3, 7, here.revision)
    assert here.data_path.hint_settings.uses[1].hints.shard == Shard(key=ShardKey.SOURCE, size=3)
    revision = here.revision
    again = calls.SetShard(shard(model_pb2.SHARD_KEY_SOURCE, 3)).service
    assert (again, here.revision) == (made, revision)
    tried = calls.SetShard(shard(model_pb2.SHARD_KEY_PORT, 1, validate_only=True)).service
    assert tried.hints.shard.key == model_pb2.SHARD_KEY_PORT
    assert here.revision == revision
    gone = calls.SetShard(shard(model_pb2.SHARD_KEY_NONE, 9, expected_revision=revision)).service
    assert gone.hints.shard == model_pb2.Shard(key=model_pb2.SHARD_KEY_NONE)
    assert here.state.services["web"].hints.shard == Shard()


@pytest.mark.parametrize(
    ("request_", "code", "says"),
    [
        (shard(0), "INVALID_ARGUMENT", "shard.key: is missing"),
        (hint_pb2.SetShardRequest(service="web"), "INVALID_ARGUMENT", "shard.key: is missing"),
        (shard(9), "INVALID_ARGUMENT", "shard.key: 9 is not known"),
        (shard(2), "INVALID_ARGUMENT", "shard.size: 0 is not from 1 to 255"),
        (shard(2, 256), "INVALID_ARGUMENT", "shard.size: 256 is not from 1 to 255"),
        (shard(2, 3, expected_revision=99), "ABORTED", "revision 2, not 99"),
        (
            hint_pb2.SetShardRequest(service="none", shard=shard(2, 3).shard),
            "NOT_FOUND",
            "service 'none'",
        ),
    ],
)
def test_a_wrong_shard_is_refused(
    here: Here, calls: Any, request_: hint_pb2.SetShardRequest, code: str, says: str
) -> None:
    before = here.state
    with pytest.raises(grpc.RpcError) as caught:
        calls.SetShard(request_)
    assert caught.value.code().name == code
    details = details_of(caught.value)
    if "BadRequest" in details:
        violation = details["BadRequest"].field_violations[0]
        assert f"{violation.field}: {violation.description}".startswith(says)
    else:
        assert says in caught.value.details()
    assert here.state is before


def test_stats_are_of_those_that_have_hints(here: Here, calls: Any) -> None:
    here.stub.CreateService(pb.CreateServiceRequest(service=service("plain", port=1)))
    assert not calls.GetHintStats(hint_pb2.GetHintStatsRequest()).services
    use(here, affinity=model_pb2.AFFINITY_CLIENT)
    here.data_path.hints.decided.update({HintOutcome["BASE"]: 5, HintOutcome["PUSHED_STALE"]: 2})
    here.data_path.hints.warmth[2] = 8
    (found,) = calls.GetHintStats(hint_pb2.GetHintStatsRequest()).services
    assert found.service == "web"
    assert [(o.outcome, o.kind, o.flows) for o in found.outcomes] == [
        ("base", hint_pb2.HINT_KIND_UNSPECIFIED, 5),
        ("pushed_stale", hint_pb2.HINT_KIND_PUSHED, 2),
    ]
    assert found.outcomes[1].meaning == HintOutcome["PUSHED_STALE"].meaning
    assert (found.learned, found.refreshed, found.unlearned) == (3, 2, 1)
    first, second = found.backends
    assert (first.backend, first.learned_hints, first.flows, first.bound) == ("b1", 100, 1, 10)
    assert not first.HasField("warm")
    assert (second.backend, second.learned_hints, second.warm) == ("b2", 200, 8)
    assert not second.HasField("bound")
    (plain,) = calls.GetHintStats(hint_pb2.GetHintStatsRequest(service="plain")).services
    assert (plain.service, len(plain.backends)) == ("plain", 0)
    with pytest.raises(grpc.RpcError, match="NOT_FOUND"):
        calls.GetHintStats(hint_pb2.GetHintStatsRequest(service="none"))


def candidate(kind: Kind, number: int, refused: Refusal, generation: int = 0) -> Candidate:
    return Candidate(
        kind=kind,
        seen=Seen(number=number, generation=generation, require=True, seconds=60),
        refused=refused,
        standing=Standing(flows=12, limit=12, warm=None),
    )


def explain(here: Here, hint: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    found = Outcome(
        action="XDP_TX",
        frame=b"",
        verdict=Verdict["FORWARD_SYN"],
        service=1,
        backend=1,
        known_flow=False,
        slot=17,
        ifindex=1,
        hint=HintOutcome[hint] if hint else None,
    )
    monkeypatch.setattr(here.data_path, "run", lambda frame: found)
    request = pb.ExplainRequest(service="web", from_address=CLIENT, from_port=4000, syn=True)
    return here.stub.Explain(request)


@pytest.mark.usefixtures("calls")
def test_explain_tells_the_candidates(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    slot = here.state.placement.backends.taken["web", "b2"]
    here.data_path.hints.known[1, parse_address(CLIENT, "")] = [
        candidate(Kind.PUSHED, slot.number, Refusal.OVERFLOW, slot.generation),
        candidate(Kind.PREFIX, slot.number, Refusal.STALE, slot.generation + 1),
    ]
    answer = explain(here, "PUSHED_OVERFLOW", monkeypatch)
    assert answer.outcome == "pushed_overflow"
    pushed, prefix = answer.hints
    assert (pushed.kind, pushed.backend, pushed.refused) == (2, "b2", "overflow")
    assert (pushed.require, pushed.left.seconds) == (True, 60)
    assert (prefix.kind, prefix.backend, prefix.refused) == (4, "", "stale")
    assert any("(12 of 12 new flows this second): passed over" in step for step in answer.steps)
    here.data_path.hints.held.add(parse_address(CLIENT, ""))
    held = explain(here, "HOLDOUT", monkeypatch)
    assert {hint.refused for hint in held.hints} == {"held out"}
    unasked = explain(here, "", monkeypatch)
    assert (unasked.outcome, len(unasked.hints)) == ("", 0)


@pytest.mark.usefixtures("calls")
@pytest.mark.parametrize(
    ("outcome", "known"),
    [("CID", ("b1", "")), ("CID_STALE", ("", "stale")), ("CID_UNROUTABLE", None)],
)
def test_explain_tells_of_a_server_id(
    here: Here, monkeypatch: pytest.MonkeyPatch, outcome: str, known: tuple[str, str] | None
) -> None:
    answer = explain(here, outcome, monkeypatch)
    found = [(hint.backend, hint.refused) for hint in answer.hints]
    assert found == ([known] if known else [])
    assert all(hint.kind == hint_pb2.HINT_KIND_CID for hint in answer.hints)
