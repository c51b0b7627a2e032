"""accel.v1.GatewayService. Translates only: what is done is done by the writer and the parts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, TypeVar

from accel import __version__
from accel.control.api import explanation, stats, translate
from accel.control.api.served import Served
from accel.control.gateway.interfaces import Interfaces
from accel.control.gateway.writer import Writer
from accel.control.ports import CounterPort, FlowPort, PacketPort, StatusPort
from accel.control.state import plans
from accel.control.state.plans import Plan
from accel.errors import InvalidError
from accel.model.backend import Backend
from accel.model.service import Service
from accel.v1 import gateway_pb2 as pb
from accel.v1 import gateway_pb2_grpc

T = TypeVar("T")


class Servicer(gateway_pb2_grpc.GatewayServiceServicer):  # type: ignore[misc]
    """Raises errors of accel.errors; rpc_errors.ErrorInterceptor makes statuses of them."""

    def __init__(
        self,
        *,
        writer: Writer,
        interfaces: Interfaces,
        counters: CounterPort,
        flows: FlowPort,
        packets: PacketPort,
        status: StatusPort,
    ) -> None:
        self._writer = writer
        self._hops = writer.hops
        self._interfaces = interfaces
        self._counters = counters
        self._flows = flows
        self._packets = packets
        self._status = status
        self._started = time.monotonic()

    async def CreateService(self, request: Any, context: Any) -> Any:
        _given(request, "service")
        service = translate.service_of(request.service, "service", translate.Addresses())
        plan = plans.create_service(service, expected_revision=request.expected_revision)
        written = await self._write_one(plan, request)
        return self._put_service(pb.CreateServiceResponse(), written)

    async def GetService(self, request: Any, context: Any) -> Any:
        found = self._writer.state.service(request.name)
        return self._put_service(pb.GetServiceResponse(), found)

    async def ListServices(self, request: Any, context: Any) -> Any:
        state = self._writer.state
        response = pb.ListServicesResponse(revision=state.revision)
        for _, service in sorted(state.services.items()):
            translate.put_service(response.services.add(), service)
        return response

    async def UpdateService(self, request: Any, context: Any) -> Any:
        _given(request, "service")
        plan = plans.update_service(
            request.service.name,
            translate.merge_service(request.service),
            expected_revision=request.expected_revision,
        )
        written = await self._write_one(plan, request)
        return self._put_service(
            pb.UpdateServiceResponse(),
            written or self._writer.state.service(request.service.name),
        )

    async def DeleteService(self, request: Any, context: Any) -> Any:
        plan = plans.delete_service(request.name, expected_revision=request.expected_revision)
        await self._writer.write(plan, validate_only=request.validate_only)
        return pb.DeleteServiceResponse()

    async def CreateBackend(self, request: Any, context: Any) -> Any:
        _given(request, "backend")
        backend = translate.backend_of(request.backend, "backend", translate.Addresses())
        plan = plans.create_backend(backend, expected_revision=request.expected_revision)
        written = await self._write_one(plan, request)
        return self._put_backend(pb.CreateBackendResponse(), written)

    async def GetBackend(self, request: Any, context: Any) -> Any:
        found = self._writer.state.backend(request.service, request.name)
        return self._put_backend(pb.GetBackendResponse(), found)

    async def ListBackends(self, request: Any, context: Any) -> Any:
        state = self._writer.state
        if request.service:
            state.service(request.service)
        names = [request.service] if request.service else sorted(state.services)
        response = pb.ListBackendsResponse(revision=state.revision)

        def fill() -> None:
            for name in names:
                for _, backend in sorted(state.backends[name].items()):
                    hop = self._hops.of(backend)
                    translate.put_backend(response.backends.add(), backend, hop)

        await asyncio.to_thread(fill)
        return response

    async def UpdateBackend(self, request: Any, context: Any) -> Any:
        _given(request, "backend")
        given = request.backend
        plan = plans.update_backend(
            given.service,
            given.name,
            translate.merge_backend(given),
            expected_revision=request.expected_revision,
        )
        written = await self._write_one(plan, request)
        return self._put_backend(
            pb.UpdateBackendResponse(),
            written or self._writer.state.backend(given.service, given.name),
        )

    async def DeleteBackend(self, request: Any, context: Any) -> Any:
        plan = plans.delete_backend(
            request.service, request.name, expected_revision=request.expected_revision
        )
        await self._writer.write(plan, validate_only=request.validate_only)
        return pb.DeleteBackendResponse()

    async def Apply(self, request: Any, context: Any) -> Any:
        plan = plans.apply(
            partial(translate.desired_of, request),
            prune=request.prune,
            expected_revision=request.expected_revision,
        )
        written = await self._writer.write(plan, validate_only=request.validate_only)
        response = pb.ApplyResponse(revision=written.revision)

        def fill() -> None:
            for change in written.changes:
                translate.put_change(response.changes.add(), change, self._hops.of)

        await asyncio.to_thread(fill)
        return response

    async def Watch(self, request: Any, context: Any) -> AsyncIterator[Any]:
        watcher = await self._writer.watch(request.from_revision)
        try:
            # The client learns that it is subscribed, before anything happens.
            await context.send_initial_metadata(())
            async for event in watcher.events():
                yield translate.event_message(event, self._hops.of)
        finally:
            self._writer.hub.unsubscribe(watcher)

    async def GetStats(self, request: Any, context: Any) -> Any:
        return await asyncio.to_thread(
            stats.collect,
            self._writer.state,
            self._counters,
            self._flows,
            self._hops.usable,
            request.service,
        )

    async def Explain(self, request: Any, context: Any) -> Any:
        writer = self._writer
        question = explanation.question_of(request, writer.state)
        return await writer.exclusively(
            lambda: explanation.answer(question, writer.state, self._packets, self._hops.usable)
        )

    async def GetStatus(self, request: Any, context: Any) -> Any:
        status = self._status
        attachments = await asyncio.to_thread(self._interfaces.attachments)
        return pb.GetStatusResponse(
            version=__version__,
            revision=self._writer.state.revision,
            attachments=[_attachment(a) for a in attachments],
            pin_path=str(status.pin_path or ""),
            adopted=status.adopted,
            capacities=[
                pb.Capacity(map=c.map, used=c.used, limit=c.limit, bytes=c.bytes)
                for c in await asyncio.to_thread(status.capacities)
            ],
            uptime_seconds=int(time.monotonic() - self._started),
        )

    async def Attach(self, request: Any, context: Any) -> Any:
        mode = translate.xdp_mode_of(request.mode, "mode")
        interface = _interface(request)
        attachment = await self._alone(lambda: self._interfaces.attach(interface, mode))
        return pb.AttachResponse(attachment=_attachment(attachment), warning=attachment.warning)

    async def Detach(self, request: Any, context: Any) -> Any:
        interface = _interface(request)
        await self._alone(lambda: self._interfaces.detach(interface))
        return pb.DetachResponse()

    async def _alone(self, act: Callable[[], T]) -> T:
        """Do `act` to its end while nothing is written."""
        return await self._writer.tasks.finish(self._writer.exclusively(act))

    async def _write_one(self, plan: Plan, request: Any) -> Any:
        """Write what changes one object; the object, or None if that changes nothing."""
        written = await self._writer.write(plan, validate_only=request.validate_only)
        return written.changes[0].after if written.changes else None

    def _put_service(self, response: Any, service: Service) -> Any:
        translate.put_service(response.service, service)
        return response

    def _put_backend(self, response: Any, backend: Backend) -> Any:
        hop = self._hops.of(backend)
        translate.put_backend(response.backend, backend, hop)
        return response


def _attachment(attachment: Any) -> Any:
    return pb.Attachment(interface=attachment.interface, xdp_mode=attachment.xdp_mode)


def _interface(request: Any) -> str:
    if not request.interface:
        raise InvalidError("interface", "is missing", hint="give the name of one, as `ip link` has")
    return str(request.interface)


def _given(request: Any, field: str) -> None:
    if not request.HasField(field):
        raise InvalidError(field, "is missing", hint=f"fill in the {field} of the request")


def served(servicer: Servicer) -> Served:
    """GatewayService."""
    return Served.of(
        pb, "GatewayService", servicer, gateway_pb2_grpc.add_GatewayServiceServicer_to_server
    )
