"""A typed client of the daemon over its unix socket.

Plain values in, plain values out; every failure is an error of accel.errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import grpc

from accel.client import guard_messages, messages
from accel.client.connection import Connection
from accel.model.address import Address
from accel.model.backend import Backend, Mode, State
from accel.model.guard import Guard
from accel.model.hints import Hints, Shard
from accel.model.quic import ServerIds
from accel.model.results import hint_report
from accel.model.results import hints as hint_results
from accel.model.results.gateway import (
    Attached,
    Change,
    Event,
    Explanation,
    Reached,
    Stats,
    Status,
    Target,
)
from accel.model.results.guard import GuardSample, GuardStatus
from accel.model.results.hint_report import HintReport
from accel.model.results.hints import HintStats
from accel.model.service import Protocol, Service
from accel.v1 import gateway_pb2 as pb
from accel.v1 import (
    gateway_pb2_grpc,
    guard_pb2,
    guard_pb2_grpc,
    hint_pb2,
    hint_pb2_grpc,
)


class Client(Connection):
    """One connection. Calls raise UnreachableError after `seconds` without an answer."""

    def __init__(self, socket: Path, *, seconds: float = 60.0) -> None:
        super().__init__(socket, seconds=seconds)
        self._stub = gateway_pb2_grpc.GatewayServiceStub(self._channel)
        self._guards = guard_pb2_grpc.GuardServiceStub(self._channel)
        self._hints = hint_pb2_grpc.HintServiceStub(self._channel)

    def services(self) -> tuple[list[Service], int]:
        """All services, and the store's revision that they show."""
        answer = self._call(self._stub.ListServices, pb.ListServicesRequest())
        return [messages.service(m) for m in answer.services], answer.revision

    def service(self, name: str) -> Service:
        answer = self._call(self._stub.GetService, pb.GetServiceRequest(name=name))
        return messages.service(answer.service)

    def create_service(
        self, service: Service, *, expected_revision: int = 0, validate_only: bool = False
    ) -> Service:
        """`expected_revision` is the store's."""
        request = pb.CreateServiceRequest(
            service=messages.of_service(service),
            expected_revision=expected_revision,
            validate_only=validate_only,
        )
        return messages.service(self._call(self._stub.CreateService, request).service)

    def update_service(
        self,
        name: str,
        *,
        address: Address | None = None,
        port: int | None = None,
        protocol: Protocol | None = None,
        ring_size: int | None = None,
        guard: Guard | None = None,
        hints: Hints | None = None,
        expected_revision: int = 0,
        validate_only: bool = False,
    ) -> Service:
        """Changes what is given, guard and hints whole. `expected_revision` is the service's."""
        request = pb.UpdateServiceRequest(
            service=messages.service_message(
                name=name,
                address=address,
                port=port,
                protocol=protocol,
                ring_size=ring_size,
                guard=guard,
                hints=hints,
            ),
            expected_revision=expected_revision,
            validate_only=validate_only,
        )
        return messages.service(self._call(self._stub.UpdateService, request).service)

    def delete_service(
        self, name: str, *, expected_revision: int = 0, validate_only: bool = False
    ) -> None:
        """With its backends. `expected_revision` is the service's."""
        request = pb.DeleteServiceRequest(
            name=name, expected_revision=expected_revision, validate_only=validate_only
        )
        self._call(self._stub.DeleteService, request)

    def backends(self, service: str = "") -> tuple[list[Reached], int]:
        """Those of `service`, or all, and the store's revision that they show."""
        answer = self._call(self._stub.ListBackends, pb.ListBackendsRequest(service=service))
        return [messages.reached(m) for m in answer.backends], answer.revision

    def backend(self, service: str, name: str) -> Reached:
        request = pb.GetBackendRequest(service=service, name=name)
        return messages.reached(self._call(self._stub.GetBackend, request).backend)

    def create_backend(
        self, backend: Backend, *, expected_revision: int = 0, validate_only: bool = False
    ) -> Reached:
        """`expected_revision` is the store's."""
        request = pb.CreateBackendRequest(
            backend=messages.of_backend(backend),
            expected_revision=expected_revision,
            validate_only=validate_only,
        )
        return messages.reached(self._call(self._stub.CreateBackend, request).backend)

    def update_backend(
        self,
        service: str,
        name: str,
        *,
        address: Address | None = None,
        weight: int | None = None,
        mode: Mode | None = None,
        gue_port: int | None = None,
        state: State | None = None,
        server_ids: ServerIds | None = None,
        expected_revision: int = 0,
        validate_only: bool = False,
    ) -> Reached:
        """Changes what is given. `expected_revision` is the backend's."""
        request = pb.UpdateBackendRequest(
            backend=messages.backend_message(
                service=service,
                name=name,
                address=address,
                weight=weight,
                mode=mode,
                gue_port=gue_port,
                state=state,
                server_ids=server_ids,
            ),
            expected_revision=expected_revision,
            validate_only=validate_only,
        )
        return messages.reached(self._call(self._stub.UpdateBackend, request).backend)

    def delete_backend(
        self, service: str, name: str, *, expected_revision: int = 0, validate_only: bool = False
    ) -> None:
        """`expected_revision` is the backend's."""
        request = pb.DeleteBackendRequest(
            service=service,
            name=name,
            expected_revision=expected_revision,
            validate_only=validate_only,
        )
        self._call(self._stub.DeleteBackend, request)

    def apply(
        self,
        services: Iterable[Service],
        backends: Iterable[Backend],
        *,
        prune: bool = False,
        expected_revision: int = 0,
        validate_only: bool = False,
    ) -> tuple[list[Change], int]:
        """Makes the whole of it so, or nothing. What changed, and the revision then."""
        request = pb.ApplyRequest(
            services=map(messages.of_service, services),
            backends=map(messages.of_backend, backends),
            prune=prune,
            expected_revision=expected_revision,
            validate_only=validate_only,
        )
        answer = self._call(self._stub.Apply, request)
        return [messages.change(m) for m in answer.changes], answer.revision

    def watch(self, from_revision: int = 0) -> Iterator[Event]:
        """Changes after that revision (0: from now on), and attacks, without end."""
        call = self._stub.Watch(pb.WatchRequest(from_revision=from_revision))
        try:
            for answer in call:
                yield messages.event(answer)
        except grpc.RpcError as error:
            raise self._error(error) from None
        finally:
            call.cancel()

    def stats(self, service: str = "") -> Stats:
        return messages.stats(self._call(self._stub.GetStats, pb.GetStatsRequest(service=service)))

    def guards(self, service: str = "") -> list[GuardStatus]:
        """How the guard of `service` stands, or of all that there are."""
        answer = self._call(
            self._guards.GetGuardStatus, guard_pb2.GetGuardStatusRequest(service=service)
        )
        return [guard_messages.status(m, messages.counts(m.noted)) for m in answer.guards]

    def guard_samples(self, service: str = "", *, limit: int = 0) -> list[GuardSample]:
        """The last packets that were not let through, the newest first; `limit` 0 for a few."""
        request = guard_pb2.ListGuardSamplesRequest(service=service, limit=limit)
        answer = self._call(self._guards.ListGuardSamples, request)
        return [guard_messages.sample(m) for m in answer.samples]

    def hint_stats(self, service: str = "") -> list[HintStats]:
        """Of `service`, or of all that have hints."""
        request = hint_pb2.GetHintStatsRequest(service=service)
        return hint_results.stats(self._call(self._hints.GetHintStats, request).services)

    def set_shard(
        self,
        service: str,
        shard: Shard,
        *,
        expected_revision: int = 0,
        validate_only: bool = False,
    ) -> Service:
        """`expected_revision` is the service's."""
        request = hint_pb2.SetShardRequest(
            service=service,
            shard=messages.shard_message(shard),
            expected_revision=expected_revision,
            validate_only=validate_only,
        )
        return messages.service(self._call(self._hints.SetShard, request).service)

    def hint_report(self, service: str, *, reset: bool = False) -> HintReport:
        """What hints bring. `reset`: what was sampled so far is forgotten then."""
        request = hint_pb2.GetHintReportRequest(service=service, reset=reset)
        return hint_report.report(self._call(self._hints.GetHintReport, request))

    def explain(
        self, source: tuple[Address, int], target: Target, *, syn: bool = False
    ) -> Explanation:
        """What would happen to a packet from `source` to `target`."""
        request = pb.ExplainRequest(
            from_address=str(source[0]),
            from_port=source[1],
            service=target.service,
            to_address=str(target.address or ""),
            to_port=target.port,
            protocol=messages.PROTOCOLS[target.protocol] if target.protocol else None,
            syn=syn,
        )
        return messages.explanation(self._call(self._stub.Explain, request))

    def status(self) -> Status:
        return messages.status(self._call(self._stub.GetStatus, pb.GetStatusRequest()))

    def attach(self, interface: str, *, mode: str = "auto") -> tuple[Attached, str]:
        """`mode` is auto, native or generic. What it is now, and a warning or ""."""
        number = {
            "auto": pb.XDP_MODE_UNSPECIFIED,
            "native": pb.XDP_MODE_NATIVE,
            "generic": pb.XDP_MODE_GENERIC,
        }[mode]
        answer = self._call(self._stub.Attach, pb.AttachRequest(interface=interface, mode=number))
        return messages.attached(answer.attachment), answer.warning

    def detach(self, interface: str) -> None:
        self._call(self._stub.Detach, pb.DetachRequest(interface=interface))
