"""What hints bring, over gRPC and by the CLI: two groups, since when, and of whom there is none."""

from __future__ import annotations

import json
from typing import Any

import grpc
import numpy as np
import pytest

from accel.cli.main import main
from accel.v1 import gateway_pb2 as pb
from accel.v1 import hint_pb2, hint_pb2_grpc, model_pb2
from tests.accel.tls.test_client_hello import PSK, VERSIONS, hello
from tests.support.daemon.here import Here, details_of
from tests.support.daemon.objects import service, web
from tests.support.hints.hint_samples import MS, sample

HINTS: dict[str, Any] = {"affinity": model_pb2.AFFINITY_CLIENT}
WITH, WITHOUT = hello(VERSIONS + PSK), hello(VERSIONS)
FINISHED = b"\x17\x03\x03\x00\x35" + bytes(53)


class Reported:
    """A gateway whose service `web` has hints, and samples of the test's."""

    def __init__(self, here: Here) -> None:
        self.here = here
        self.stub = hint_pb2_grpc.HintServiceStub(here.channel)
        self.clients = 0
        here.stub.Apply(web())

    def use(self, **hints: Any) -> None:
        wanted = model_pb2.Service(name="web", hints=model_pb2.Hints(**{**HINTS, **hints}))
        self.here.stub.UpdateService(pb.UpdateServiceRequest(service=wanted))

    def connect(
        self,
        count: int,
        hello: bytes,
        milliseconds: int,
        *,
        opened: float | None = None,
        **more: Any,
    ) -> None:
        """So many clients connect now."""
        at = int((self.here.now if opened is None else opened) * 1e9)
        made = [
            sample(time * milliseconds * MS, begin, data, client=client, opened=at, **more)
            for client in range(self.clients, self.clients + count)
            for time, begin, data in ((1, 0, hello), (2, len(hello), FINISHED))
        ]
        self.clients += count

        def tick() -> None:
            self.here.data_path.hints.samples = np.concatenate(made)
            self.here.hints.reports.tick()

        self.here.run(tick)

    def report(self, **fields: Any) -> Any:
        return self.stub.GetHintReport(hint_pb2.GetHintReportRequest(service="web", **fields))


@pytest.fixture
def reported(here: Here) -> Reported:
    found = Reported(here)
    found.use()
    return found


def test_two_groups_and_their_difference(reported: Reported) -> None:
    reported.connect(100, WITH, 2)
    reported.connect(20, WITHOUT, 5, held_out=1)
    reported.here.now += 60
    found = reported.report()
    assert (found.service, found.seconds) == ("web", 60)
    assert [(g.flows, g.client_hellos, g.resumptions) for g in (found.treated, found.holdout)] == [
        (100, 100, 100),
        (20, 20, 0),
    ]
    times = found.treated.first_payload
    assert times.count == 100
    assert [times.mean, times.median, times.p95] == pytest.approx([0.002] * 3)
    assert found.holdout.second_payload.mean == pytest.approx(0.010)
    assert found.holdout.handshake_bytes.mean == len(WITHOUT) + len(FINISHED)
    effects = {effect.measure: effect for effect in found.effects}
    assert list(effects) == ["resumption", "first_payload", "second_payload", "handshake_bytes"]
    assert effects["resumption"].difference == 1
    assert 0.7 < effects["resumption"].low < effects["resumption"].high <= 1
    assert effects["first_payload"].difference == pytest.approx(-0.003)
    assert effects["handshake_bytes"].difference == len(WITH) - len(WITHOUT)


def test_too_few_have_no_interval(reported: Reported) -> None:
    reported.connect(100, WITH, 2)
    assert not reported.report().effects
    reported.connect(9, WITHOUT, 5, held_out=1)
    assert not any(e.HasField("low") or e.HasField("high") for e in reported.report().effects)
    reported.connect(1, WITHOUT, 5, held_out=1)
    effects = reported.report().effects
    assert len(effects) == 4
    assert all(e.HasField("low") and e.HasField("high") for e in effects)


def test_a_reset_answers_and_begins_anew(reported: Reported) -> None:
    reported.connect(3, WITH, 2)
    reported.here.now += 5
    assert reported.report(reset=True).treated.flows == 3
    reported.connect(2, WITH, 2, opened=reported.here.now - 1)
    reported.here.now += 2
    found = reported.report()
    assert (found.seconds, found.treated.flows) == (2, 0), "its SYN came before"
    reported.connect(2, WITH, 2)
    assert reported.report().treated.flows == 2


def test_another_use_of_hints_begins_anew_but_not_another_share(reported: Reported) -> None:
    reported.connect(3, WITH, 2)
    reported.use(sample=50)
    assert reported.report().treated.flows == 3
    reported.here.stub.UpdateService(
        pb.UpdateServiceRequest(service=model_pb2.Service(name="web", port=444))
    )
    assert reported.report().treated.flows == 3
    reported.use(holdout=10)
    assert reported.report().treated.flows == 0


def test_a_service_that_is_deleted_takes_its_report_along(reported: Reported) -> None:
    reported.connect(3, WITH, 2)
    reported.here.stub.DeleteService(pb.DeleteServiceRequest(name="web"))
    refused(reported, grpc.StatusCode.NOT_FOUND, "no service 'web'")
    hinted = service(hints=model_pb2.Hints(**HINTS))
    reported.here.stub.CreateService(pb.CreateServiceRequest(service=hinted))
    assert reported.report().treated.flows == 0


def refused(reported: Reported, code: grpc.StatusCode, says: str, hint: str = "") -> None:
    with pytest.raises(grpc.RpcError) as error:
        reported.report()
    assert error.value.code() == code
    assert says in error.value.details()
    if hint:
        assert hint in details_of(error.value)["Help"].links[0].description


def test_who_is_not_sampled(here: Here) -> None:
    reported = Reported(here)
    code = grpc.StatusCode.FAILED_PRECONDITION
    refused(reported, code, "no flow of service 'web' is sampled", "accel hint set")
    reported.use(sample=0)
    refused(reported, code, "no flow of service 'web' is sampled", "hint set web --sample 1")
    here.stub.DeleteService(pb.DeleteServiceRequest(name="web"))
    datagrams = service(protocol=model_pb2.PROTOCOL_UDP, hints=model_pb2.Hints(**HINTS))
    here.stub.CreateService(pb.CreateServiceRequest(service=datagrams))
    refused(reported, code, "it is for UDP, which has no SYN", "accel hint stats web")


def test_the_command(reported: Reported, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*arguments: str) -> str:
        assert main(["--socket", str(reported.here.socket), "hint", "report", *arguments]) == 0
        return capsys.readouterr().out

    reported.connect(200, WITH, 2)
    reported.connect(30, WITHOUT, 5, held_out=1)
    said = run("web")
    assert "resumption: 100 % against 0 %: +100 points (+88 to +100)" in said
    assert "SYN to first payload: 2.00 ms against 5.00 ms: -3.00 ms (-3.00 to -3.00)" in said
    found = json.loads(run("web", "-o", "json", "--reset"))
    assert found["treated"]["flows"] == 200
    assert found["effects"]["resumption"]["difference"] == 1
    assert "treated:\n  flows: 0\n" in run("web", "-o", "yaml")


def test_the_command_fails_with_a_hint(here: Here, capsys: pytest.CaptureFixture[str]) -> None:
    here.stub.Apply(web())
    assert main(["--socket", str(here.socket), "hint", "report", "web"]) == 7
    assert "hint: it has no hints yet" in capsys.readouterr().err
