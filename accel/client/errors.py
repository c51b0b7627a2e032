"""Errors of the daemon, made into those of accel.errors again.

A status carries details of google.rpc (AIP-193): BadRequest names the field, ResourceInfo the
object, ErrorInfo the reason and revisions, and Help what to do next.
"""

from __future__ import annotations

from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2

from accel.errors import AccelError, InvalidError, LaggedError, NotFoundError, UnreachableError

_CLASSES = {kind.status: kind for kind in AccelError.__subclasses__()}
_DETAILS = (
    error_details_pb2.BadRequest,
    error_details_pb2.ResourceInfo,
    error_details_pb2.ErrorInfo,
    error_details_pb2.Help,
)


def from_call(error: grpc.RpcError, *, where: str, seconds: float | None) -> AccelError:
    """What `error` says, as an error of this package. `where` is what was called."""
    code = error.code()
    if code == grpc.StatusCode.DEADLINE_EXCEEDED:
        return UnreachableError(
            f"the daemon at {where} did not answer within {seconds:g} s",
            hint="see what it is at: journalctl -u acceld",
        )
    if code == grpc.StatusCode.UNIMPLEMENTED:
        return AccelError(
            f"the daemon at {where} does not know this call",
            hint="run accel and acceld of the same version",
        )
    details = _details(error)
    kind = _CLASSES.get(code.name, AccelError)
    if "ErrorInfo" in details and details["ErrorInfo"].reason == "WATCHER_LAGS":
        kind = LaggedError  # which shares its status with CapacityError
    hint = str(details["Help"].links[0].description) if "Help" in details else ""
    message = error.details() or code.name.lower()
    if not hint and kind is AccelError:
        hint = "this is a bug of the daemon: please report what journalctl -u acceld says"
    # Not through the constructor of the class, which would compose the text once more.
    rebuilt = kind.__new__(kind)
    AccelError.__init__(rebuilt, message, hint=hint)
    rebuilt.__dict__.update(_attributes(rebuilt, details))
    return rebuilt


def _details(error: grpc.RpcError) -> dict[str, Any]:
    """The details that came along, by the name of their type."""
    found: dict[str, Any] = {}
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for packed in status_pb2.Status.FromString(value).details:
                for kind in _DETAILS:
                    if packed.Is(kind.DESCRIPTOR):
                        found[kind.DESCRIPTOR.name] = kind.FromString(packed.value)
    return found


def _attributes(error: AccelError, details: dict[str, Any]) -> dict[str, Any]:
    """What the class says besides its text."""
    if isinstance(error, InvalidError):
        violations = details["BadRequest"].field_violations if "BadRequest" in details else ()
        return {"field": violations[0].field if violations else ""}
    if isinstance(error, NotFoundError | _CLASSES["ALREADY_EXISTS"]):
        info = details.get("ResourceInfo", error_details_pb2.ResourceInfo())
        return {"kind": info.resource_type, "name": info.resource_name}
    if isinstance(error, _CLASSES["ABORTED"]) and "ErrorInfo" in details:
        metadata = details["ErrorInfo"].metadata
        return {key: int(metadata[key]) for key in ("expected", "found") if key in metadata}
    return {}
