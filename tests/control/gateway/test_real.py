"""acceld with the real data path, in a network namespace of its own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import grpc
import pytest

from accel.lab.namespace import Namespace
from accel.v1 import gateway_pb2 as pb
from accel.v1 import model_pb2
from tests.support.daemon.acceld import Acceld, Running
from tests.support.daemon.here import details_of
from tests.support.daemon.objects import MACS, backend, service, web


def explain(running: Running, port: int = 40000, *, syn: bool = True) -> pb.ExplainResponse:
    request = pb.ExplainRequest(service="web", from_address="198.51.100.7", from_port=port, syn=syn)
    answer: pb.ExplainResponse = running.stub.Explain(request)
    return answer


def test_an_applied_service_steers_and_survives_kill(real: Acceld, network: Namespace) -> None:
    with real.running("--interface", "in") as first:
        first.stub.Apply(web())
        hops = {
            b.name: b.next_hop for b in first.stub.ListBackends(pb.ListBackendsRequest()).backends
        }
        assert {name: (hop.mac, hop.interface) for name, hop in hops.items()} == {
            "b1": (MACS["10.0.0.1"], "in"),
            "b2": (MACS["10.0.0.2"], "in"),
        }
        before = explain(first)
        assert (before.verdict, before.service) == ("forward_syn", "web")
        address = {"b1": "10.0.0.1", "b2": "10.0.0.2"}[before.backend]
        assert before.packet_out[:6].hex(":") == MACS[address]
        assert before.packet_out[30:34] == bytes(map(int, address.split(".")))
        assert before.interface in ("in", "")
        assert {explain(first, port).backend for port in range(1000, 1040)} == {"b1", "b2"}
        assert not first.stub.GetStatus(pb.GetStatusRequest()).adopted
        first.process.kill()
        first.process.wait()
    with real.running() as second:
        status = second.stub.GetStatus(pb.GetStatusRequest())
        assert status.adopted
        assert [a.interface for a in status.attachments] == ["in"]
        assert explain(second) == before
        second.stub.Detach(pb.DetachRequest(interface="in"))
        second.stub.Apply(pb.ApplyRequest(prune=True))
        status = second.stub.GetStatus(pb.GetStatusRequest())
        assert not status.attachments
        assert {c.map: c.used for c in status.capacities}["services"] == 0


def test_the_compiler_does_not_stay_in_memory(real: Acceld) -> None:
    with real.running() as running:
        status = Path(f"/proc/{running.process.pid}/status").read_text()
        (resident,) = re.findall(r"VmRSS:\s+(\d+) kB", status)
        assert int(resident) < 150_000


def test_explain_leaves_no_trace(real: Acceld, network: Namespace) -> None:
    with real.running() as running:
        running.stub.Apply(web())
        for syn in (True, False, False):
            answer = explain(running, syn=syn)
            assert not answer.known_flow
            assert answer.HasField("ring_slot")
        stats = running.stub.GetStats(pb.GetStatsRequest())
        (of_web,) = stats.services
        assert not of_web.verdicts
        assert [(b.known_flows, len(b.verdicts)) for b in of_web.backends] == [(0, 0), (0, 0)]


def guarded(policy: Any, **fields: Any) -> pb.UpdateServiceRequest:
    guard = model_pb2.Guard(policy=policy, **fields)
    return pb.UpdateServiceRequest(service=model_pb2.Service(name="web", guard=guard))


def test_a_guard_is_at_work_from_the_write_on_and_after_a_restart(
    real: Acceld, network: Namespace
) -> None:
    with real.running() as first:
        first.stub.Apply(web())
        first.stub.UpdateService(guarded(model_pb2.GUARD_POLICY_MONITOR))
        assert explain(first).verdict == "forward_syn"
        first.stub.UpdateService(guarded(model_pb2.GUARD_POLICY_ALWAYS))
        assert explain(first).verdict == "challenged"
        first.process.kill()
        first.process.wait()
    with real.running() as second:
        assert explain(second).verdict == "challenged"
        later = guarded(model_pb2.GUARD_POLICY_ALWAYS, mode=model_pb2.GUARD_MODE_RETRANSMIT)
        second.stub.UpdateService(later)
        assert explain(second).verdict == "first_syn"
        second.stub.UpdateService(guarded(model_pb2.GUARD_POLICY_OFF))
        assert explain(second).verdict == "forward_syn"
        (found,) = second.stub.ListServices(pb.ListServicesRequest()).services
        assert found.guard.mode == model_pb2.GUARD_MODE_RETRANSMIT


def test_states_and_next_hops_reach_the_program(real: Acceld, network: Namespace) -> None:
    with real.running() as running:
        running.stub.Apply(web())
        chosen = explain(running).backend
        drain = model_pb2.Backend(service="web", name=chosen, state=model_pb2.BACKEND_STATE_DRAIN)
        running.stub.UpdateBackend(pb.UpdateBackendRequest(backend=drain))
        other = explain(running).backend
        assert {chosen, other} == {"b1", "b2"}
        # The kernel's neighbour table changes: the frame goes to the new address.
        address = {"b1": "10.0.0.1", "b2": "10.0.0.2"}[other]
        stream = running.stub.Watch(pb.WatchRequest(), timeout=20)
        stream.initial_metadata()
        index = network.index("in")
        network.netlink.neigh(
            "change", dst=address, lladdr="02:00:00:00:00:99", ifindex=index, state="permanent"
        )
        event = next(stream)
        stream.cancel()
        assert event.change.kind == pb.CHANGE_KIND_NEXT_HOP
        assert event.change.backend_after.next_hop.mac == "02:00:00:00:00:99"
        assert explain(running).packet_out[:6].hex(":") == "02:00:00:00:00:99"
        # Nobody is left.
        running.stub.UpdateBackend(
            pb.UpdateBackendRequest(
                backend=model_pb2.Backend(
                    service="web", name=other, state=model_pb2.BACKEND_STATE_DOWN
                )
            )
        )
        nobody = explain(running)
        assert nobody.verdict == "no_backend"
        assert any("set the state of one" in step for step in nobody.steps)


def test_an_interface_that_is_not_there_and_a_backend_without_a_way(
    real: Acceld, network: Namespace
) -> None:
    with real.running() as running:
        far = backend("far", address="203.0.113.9")
        running.stub.Apply(pb.ApplyRequest(services=[service()], backends=[far]))
        (found,) = running.stub.ListBackends(pb.ListBackendsRequest()).backends
        assert "no route to 203.0.113.9" in found.next_hop.problem
        with pytest.raises(grpc.RpcError) as caught:
            running.stub.Attach(pb.AttachRequest(interface="nic9"))
        assert details_of(caught.value)["ResourceInfo"].resource_name == "nic9"
