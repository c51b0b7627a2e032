"""Errors as gRPC statuses with details (google.rpc), as proto/accel/v1/gateway.proto promises.

Every error bears an ErrorInfo with its reason and, where there is a hint, a Help that says it;
beside them stands what fits the kind.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn

import grpc
from google.rpc import error_details_pb2 as details
from google.rpc import status_pb2

from accel.errors import (
    AccelError,
    CapacityError,
    ExistsError,
    ExpiredError,
    HostError,
    InvalidError,
    LaggedError,
    LockedError,
    NotFoundError,
    ProgramError,
    RevisionError,
    UnreachableError,
)

DOMAIN = "accel.v1"
_REASONS: dict[type, str] = {
    AccelError: "INTERNAL",
    InvalidError: "FIELD_INVALID",
    NotFoundError: "NOT_FOUND",
    ExistsError: "ALREADY_EXISTS",
    RevisionError: "REVISION_MISMATCH",
    CapacityError: "CAPACITY",
    HostError: "HOST",
    ProgramError: "PROGRAM",
    LockedError: "LOCKED",
    ExpiredError: "REVISION_NOT_KEPT",
    LaggedError: "WATCHER_LAGS",
    UnreachableError: "STOPPING",
}
_DETAILS_KEY = "grpc-status-details-bin"
_BUG = "an error inside acceld; its log has the details"

_log = logging.getLogger(__name__)


def status_of(error: AccelError) -> status_pb2.Status:
    """The whole status of `error`."""
    status = status_pb2.Status(code=_code(error.status).value[0], message=error.message)
    info = details.ErrorInfo(reason=_reason(error), domain=DOMAIN)
    if isinstance(error, RevisionError):
        info.metadata["expected"] = str(error.expected)
        info.metadata["found"] = str(error.found)
    status.details.add().Pack(info)
    particular = _particular(error)
    if particular is not None:
        status.details.add().Pack(particular)
    if error.hint:
        advice = details.Help()
        advice.links.add(description=error.hint)
        status.details.add().Pack(advice)
    return status


def _particular(error: AccelError) -> Any:
    """The message of google.rpc that fits the kind, or None."""
    match error:
        case InvalidError():
            bad = details.BadRequest()
            text = error.message.removeprefix(f"{error.field}: ")
            bad.field_violations.add(field=error.field, description=text)
            return bad
        case NotFoundError() | ExistsError():
            return details.ResourceInfo(
                resource_type=error.kind, resource_name=error.name, description=error.message
            )
        case CapacityError():
            quota = details.QuotaFailure()
            quota.violations.add(subject=error.option, description=str(error))
            return quota
        case HostError():
            failure = details.PreconditionFailure()
            failure.violations.add(type=_reason(error), subject="host", description=str(error))
            return failure
        case _:
            return None


def _reason(error: AccelError) -> str:
    return next(_REASONS[kind] for kind in type(error).__mro__ if kind in _REASONS)


def _code(name: str) -> grpc.StatusCode:
    return grpc.StatusCode[name]


class ErrorInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Turns what a handler raises into a status; a bug of ours into INTERNAL and a log line."""

    async def intercept_service(
        self,
        continuation: Callable[[Any], Awaitable[Any]],
        handler_call_details: Any,
    ) -> Any:
        """Wrap the handlers of one method."""
        handler = await continuation(handler_call_details)
        if handler is None or not handler_call_details.method.startswith(f"/{DOMAIN}."):
            return handler
        if handler.unary_unary:
            return grpc.unary_unary_rpc_method_handler(
                _unary(handler.unary_unary),
                handler.request_deserializer,
                handler.response_serializer,
            )
        if handler.stream_unary:
            return grpc.stream_unary_rpc_method_handler(
                _unary(handler.stream_unary),
                handler.request_deserializer,
                handler.response_serializer,
            )
        if handler.stream_stream:
            return grpc.stream_stream_rpc_method_handler(
                _stream(handler.stream_stream),
                handler.request_deserializer,
                handler.response_serializer,
            )
        return grpc.unary_stream_rpc_method_handler(
            _stream(handler.unary_stream), handler.request_deserializer, handler.response_serializer
        )


def _unary(handle: Callable[[Any, Any], Awaitable[Any]]) -> Callable[[Any, Any], Awaitable[Any]]:
    async def handled(request: Any, context: Any) -> Any:
        try:
            return await handle(request, context)
        except Exception as error:
            await _abort(context, error)

    return handled


def _stream(
    handle: Callable[[Any, Any], AsyncIterator[Any]],
) -> Callable[[Any, Any], AsyncIterator[Any]]:
    async def handled(request: Any, context: Any) -> AsyncIterator[Any]:
        try:
            async for response in handle(request, context):
                yield response
        except Exception as error:
            await _abort(context, error)

    return handled


async def _abort(context: Any, error: Exception) -> NoReturn:
    if isinstance(error, AccelError):
        status = status_of(error)
        await context.abort(
            _code(error.status), error.message, ((_DETAILS_KEY, status.SerializeToString()),)
        )
    else:
        _log.error("%s", _BUG, exc_info=error)
        await context.abort(grpc.StatusCode.INTERNAL, _BUG)
    raise AssertionError("abort returns never")
