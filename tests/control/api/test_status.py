"""Stats, explanations, status and interfaces."""

from __future__ import annotations

import json

import pytest
from google.protobuf import json_format

from accel import __version__
from accel.datapath import frame
from accel.model.address import parse_address
from accel.model.service import Protocol
from accel.v1 import gateway_pb2 as pb
from accel.v1 import model_pb2
from tests.support.daemon.here import Here
from tests.support.daemon.objects import backend, service, web


def test_stats_name_what_is_counted(here: Here) -> None:
    here.stub.Apply(
        pb.ApplyRequest(
            services=[service("api", port=80), service()],
            backends=[
                backend(weight=300),
                backend("b2"),
                backend("gone", address="10.99.0.1"),
                backend("low", state=model_pb2.BACKEND_STATE_DRAIN),
            ],
        )
    )
    stats = here.stub.GetStats(pb.GetStatsRequest())
    assert [(c.verdict, c.packets, c.bytes) for c in stats.gateway] == [("not_service", 7, 700)]
    assert [s.service for s in stats.services] == ["api", "web"]
    index = here.state.placement.services.taken["web"].number
    of_web = stats.services[1]
    # Verdicts that never came are left out.
    assert [(c.verdict, c.packets) for c in of_web.verdicts] == [("echo", index)]
    shares = {b.backend: b.ring_share for b in of_web.backends}
    assert shares == {"b1": 0.75, "b2": 0.25, "gone": 0.0, "low": 0.0}
    number = here.state.placement.backends.taken["web", "b2"].number
    second = of_web.backends[1]
    assert second.known_flows == number
    assert [(c.verdict, c.packets, c.bytes) for c in second.verdicts] == [
        ("forward_flow", number, 1000 * number)
    ]


def test_stats_of_one_service(here: Here) -> None:
    here.stub.Apply(pb.ApplyRequest(services=[service(), service("api", port=80)]))
    stats = here.stub.GetStats(pb.GetStatsRequest(service="api"))
    assert [s.service for s in stats.services] == ["api"]


def test_status_says_what_runs(here: Here) -> None:
    here.stub.Apply(web())
    here.stub.Attach(pb.AttachRequest(interface="lo"))
    status = json.loads(json_format.MessageToJson(here.stub.GetStatus(pb.GetStatusRequest())))
    status.pop("uptimeSeconds", None)
    assert status == {
        "version": __version__,
        "revision": "2",
        "attachments": [{"interface": "lo", "xdpMode": "generic"}],
        "capacities": [{"map": "services", "used": "1", "limit": "7", "bytes": "4096"}],
    }


@pytest.mark.parametrize(
    ("mode", "asked", "got"),
    [
        (pb.XDP_MODE_UNSPECIFIED, "auto", "generic"),
        (pb.XDP_MODE_NATIVE, "native", "native"),
        (pb.XDP_MODE_GENERIC, "generic", "generic"),
    ],
)
def test_attach_and_detach(here: Here, mode: pb.XdpMode, asked: str, got: str) -> None:
    response = here.stub.Attach(pb.AttachRequest(interface="lo", mode=mode))
    assert response.attachment == pb.Attachment(interface="lo", xdp_mode=got)
    assert response.warning == ("no native mode here" if asked == "auto" else "")
    assert ("attach", "lo", asked) in here.data_path.calls
    assert here.store.attachments() == {"lo": (True, asked)}
    here.stub.Detach(pb.DetachRequest(interface="lo"))
    assert not here.data_path.interfaces.attachments()
    assert here.store.attachments() == {"lo": (False, asked)}


@pytest.mark.parametrize("syn", [True, False])
def test_explain_builds_the_packet_that_is_asked_about(here: Here, syn: bool) -> None:
    here.stub.Apply(web())
    answer = here.stub.Explain(
        pb.ExplainRequest(service="web", from_address="198.51.100.7", from_port=40000, syn=syn)
    )
    assert answer.packet_in == frame.build(
        source=parse_address("198.51.100.7", ""),
        source_port=40000,
        destination=parse_address("192.0.2.1", ""),
        destination_port=443,
        protocol=Protocol.TCP,
        syn=syn,
    )
    assert answer.packet_out == b"outer" + answer.packet_in
    assert (answer.verdict, answer.action, answer.service, answer.backend) == (
        "forward_syn",
        "XDP_TX",
        "web",
        "b1",
    )
    assert (answer.ring_slot, answer.interface, answer.known_flow) == (17, "lo", False)
    assert answer.meaning
    kind = "SYN" if syn else "ACK"
    assert answer.steps[0] == (
        f"In comes a TCP {kind} from 198.51.100.7 port 40000 to 192.0.2.1 port 443."
    )
    assert any("slot 17" in step for step in answer.steps)


def test_explain_by_address(here: Here) -> None:
    answer = here.stub.Explain(
        pb.ExplainRequest(
            to_address="2001:db8::5",
            to_port=53,
            protocol=model_pb2.PROTOCOL_UDP,
            from_address="2001:db8::9",
            from_port=4000,
        )
    )
    assert answer.packet_in[12:14] == b"\x86\xdd"
    assert (answer.verdict, answer.service, answer.backend) == ("not_service", "", "")
    assert not answer.HasField("ring_slot")
    assert "UDP packet from 2001:db8::9 port 4000" in answer.steps[0]


def test_explain_a_given_frame(here: Here) -> None:
    given = bytes(60)
    answer = here.stub.Explain(pb.ExplainRequest(frame=given))
    assert answer.packet_in == given
    assert "60 bytes" in answer.steps[0]


def test_explain_a_service_of_any_port_takes_the_port_that_is_given(here: Here) -> None:
    any_port = service(port=0)
    here.stub.Apply(pb.ApplyRequest(services=[any_port], backends=[backend()]))
    answer = here.stub.Explain(
        pb.ExplainRequest(service="web", to_port=8080, from_address="198.51.100.7", from_port=1)
    )
    assert "port 8080" in answer.steps[0]
