from accel.v1 import hint_pb2 as _hint_pb2
from accel.v1 import model_pb2 as _model_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ChangeKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHANGE_KIND_UNSPECIFIED: _ClassVar[ChangeKind]
    CHANGE_KIND_CREATED: _ClassVar[ChangeKind]
    CHANGE_KIND_UPDATED: _ClassVar[ChangeKind]
    CHANGE_KIND_DELETED: _ClassVar[ChangeKind]
    CHANGE_KIND_NEXT_HOP: _ClassVar[ChangeKind]

class XdpMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    XDP_MODE_UNSPECIFIED: _ClassVar[XdpMode]
    XDP_MODE_NATIVE: _ClassVar[XdpMode]
    XDP_MODE_GENERIC: _ClassVar[XdpMode]
CHANGE_KIND_UNSPECIFIED: ChangeKind
CHANGE_KIND_CREATED: ChangeKind
CHANGE_KIND_UPDATED: ChangeKind
CHANGE_KIND_DELETED: ChangeKind
CHANGE_KIND_NEXT_HOP: ChangeKind
XDP_MODE_UNSPECIFIED: XdpMode
XDP_MODE_NATIVE: XdpMode
XDP_MODE_GENERIC: XdpMode

class CreateServiceRequest(_message.Message):
    __slots__ = ("service", "validate_only", "expected_revision")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    service: _model_pb2.Service
    validate_only: bool
    expected_revision: int
    def __init__(self, service: _Optional[_Union[_model_pb2.Service, _Mapping]] = ..., validate_only: bool = ..., expected_revision: _Optional[int] = ...) -> None: ...

class CreateServiceResponse(_message.Message):
    __slots__ = ("service",)
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    service: _model_pb2.Service
    def __init__(self, service: _Optional[_Union[_model_pb2.Service, _Mapping]] = ...) -> None: ...

class GetServiceRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetServiceResponse(_message.Message):
    __slots__ = ("service",)
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    service: _model_pb2.Service
    def __init__(self, service: _Optional[_Union[_model_pb2.Service, _Mapping]] = ...) -> None: ...

class ListServicesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListServicesResponse(_message.Message):
    __slots__ = ("services", "revision")
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    services: _containers.RepeatedCompositeFieldContainer[_model_pb2.Service]
    revision: int
    def __init__(self, services: _Optional[_Iterable[_Union[_model_pb2.Service, _Mapping]]] = ..., revision: _Optional[int] = ...) -> None: ...

class UpdateServiceRequest(_message.Message):
    __slots__ = ("service", "expected_revision", "validate_only")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    service: _model_pb2.Service
    expected_revision: int
    validate_only: bool
    def __init__(self, service: _Optional[_Union[_model_pb2.Service, _Mapping]] = ..., expected_revision: _Optional[int] = ..., validate_only: bool = ...) -> None: ...

class UpdateServiceResponse(_message.Message):
    __slots__ = ("service",)
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    service: _model_pb2.Service
    def __init__(self, service: _Optional[_Union[_model_pb2.Service, _Mapping]] = ...) -> None: ...

class DeleteServiceRequest(_message.Message):
    __slots__ = ("name", "expected_revision", "validate_only")
    NAME_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    name: str
    expected_revision: int
    validate_only: bool
    def __init__(self, name: _Optional[str] = ..., expected_revision: _Optional[int] = ..., validate_only: bool = ...) -> None: ...

class DeleteServiceResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CreateBackendRequest(_message.Message):
    __slots__ = ("backend", "validate_only", "expected_revision")
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    backend: _model_pb2.Backend
    validate_only: bool
    expected_revision: int
    def __init__(self, backend: _Optional[_Union[_model_pb2.Backend, _Mapping]] = ..., validate_only: bool = ..., expected_revision: _Optional[int] = ...) -> None: ...

class CreateBackendResponse(_message.Message):
    __slots__ = ("backend",)
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    backend: _model_pb2.Backend
    def __init__(self, backend: _Optional[_Union[_model_pb2.Backend, _Mapping]] = ...) -> None: ...

class GetBackendRequest(_message.Message):
    __slots__ = ("service", "name")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    service: str
    name: str
    def __init__(self, service: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class GetBackendResponse(_message.Message):
    __slots__ = ("backend",)
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    backend: _model_pb2.Backend
    def __init__(self, backend: _Optional[_Union[_model_pb2.Backend, _Mapping]] = ...) -> None: ...

class ListBackendsRequest(_message.Message):
    __slots__ = ("service",)
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    service: str
    def __init__(self, service: _Optional[str] = ...) -> None: ...

class ListBackendsResponse(_message.Message):
    __slots__ = ("backends", "revision")
    BACKENDS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    backends: _containers.RepeatedCompositeFieldContainer[_model_pb2.Backend]
    revision: int
    def __init__(self, backends: _Optional[_Iterable[_Union[_model_pb2.Backend, _Mapping]]] = ..., revision: _Optional[int] = ...) -> None: ...

class UpdateBackendRequest(_message.Message):
    __slots__ = ("backend", "expected_revision", "validate_only")
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    backend: _model_pb2.Backend
    expected_revision: int
    validate_only: bool
    def __init__(self, backend: _Optional[_Union[_model_pb2.Backend, _Mapping]] = ..., expected_revision: _Optional[int] = ..., validate_only: bool = ...) -> None: ...

class UpdateBackendResponse(_message.Message):
    __slots__ = ("backend",)
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    backend: _model_pb2.Backend
    def __init__(self, backend: _Optional[_Union[_model_pb2.Backend, _Mapping]] = ...) -> None: ...

class DeleteBackendRequest(_message.Message):
    __slots__ = ("service", "name", "expected_revision", "validate_only")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    service: str
    name: str
    expected_revision: int
    validate_only: bool
    def __init__(self, service: _Optional[str] = ..., name: _Optional[str] = ..., expected_revision: _Optional[int] = ..., validate_only: bool = ...) -> None: ...

class DeleteBackendResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ApplyRequest(_message.Message):
    __slots__ = ("services", "backends", "prune", "expected_revision", "validate_only")
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    BACKENDS_FIELD_NUMBER: _ClassVar[int]
    PRUNE_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    services: _containers.RepeatedCompositeFieldContainer[_model_pb2.Service]
    backends: _containers.RepeatedCompositeFieldContainer[_model_pb2.Backend]
    prune: bool
    expected_revision: int
    validate_only: bool
    def __init__(self, services: _Optional[_Iterable[_Union[_model_pb2.Service, _Mapping]]] = ..., backends: _Optional[_Iterable[_Union[_model_pb2.Backend, _Mapping]]] = ..., prune: bool = ..., expected_revision: _Optional[int] = ..., validate_only: bool = ...) -> None: ...

class ApplyResponse(_message.Message):
    __slots__ = ("changes", "revision")
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    changes: _containers.RepeatedCompositeFieldContainer[Change]
    revision: int
    def __init__(self, changes: _Optional[_Iterable[_Union[Change, _Mapping]]] = ..., revision: _Optional[int] = ...) -> None: ...

class Change(_message.Message):
    __slots__ = ("kind", "service_before", "service_after", "backend_before", "backend_after")
    KIND_FIELD_NUMBER: _ClassVar[int]
    SERVICE_BEFORE_FIELD_NUMBER: _ClassVar[int]
    SERVICE_AFTER_FIELD_NUMBER: _ClassVar[int]
    BACKEND_BEFORE_FIELD_NUMBER: _ClassVar[int]
    BACKEND_AFTER_FIELD_NUMBER: _ClassVar[int]
    kind: ChangeKind
    service_before: _model_pb2.Service
    service_after: _model_pb2.Service
    backend_before: _model_pb2.Backend
    backend_after: _model_pb2.Backend
    def __init__(self, kind: _Optional[_Union[ChangeKind, str]] = ..., service_before: _Optional[_Union[_model_pb2.Service, _Mapping]] = ..., service_after: _Optional[_Union[_model_pb2.Service, _Mapping]] = ..., backend_before: _Optional[_Union[_model_pb2.Backend, _Mapping]] = ..., backend_after: _Optional[_Union[_model_pb2.Backend, _Mapping]] = ...) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ("from_revision",)
    FROM_REVISION_FIELD_NUMBER: _ClassVar[int]
    from_revision: int
    def __init__(self, from_revision: _Optional[int] = ...) -> None: ...

class WatchResponse(_message.Message):
    __slots__ = ("revision", "change", "attack")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CHANGE_FIELD_NUMBER: _ClassVar[int]
    ATTACK_FIELD_NUMBER: _ClassVar[int]
    revision: int
    change: Change
    attack: Attack
    def __init__(self, revision: _Optional[int] = ..., change: _Optional[_Union[Change, _Mapping]] = ..., attack: _Optional[_Union[Attack, _Mapping]] = ...) -> None: ...

class Attack(_message.Message):
    __slots__ = ("service", "started", "monitored", "excess_per_second", "seconds")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    MONITORED_FIELD_NUMBER: _ClassVar[int]
    EXCESS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    service: str
    started: bool
    monitored: bool
    excess_per_second: float
    seconds: float
    def __init__(self, service: _Optional[str] = ..., started: bool = ..., monitored: bool = ..., excess_per_second: _Optional[float] = ..., seconds: _Optional[float] = ...) -> None: ...

class GetStatsRequest(_message.Message):
    __slots__ = ("service",)
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    service: str
    def __init__(self, service: _Optional[str] = ...) -> None: ...

class GetStatsResponse(_message.Message):
    __slots__ = ("gateway", "services")
    GATEWAY_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    gateway: _containers.RepeatedCompositeFieldContainer[VerdictCount]
    services: _containers.RepeatedCompositeFieldContainer[ServiceStats]
    def __init__(self, gateway: _Optional[_Iterable[_Union[VerdictCount, _Mapping]]] = ..., services: _Optional[_Iterable[_Union[ServiceStats, _Mapping]]] = ...) -> None: ...

class VerdictCount(_message.Message):
    __slots__ = ("verdict", "packets", "bytes")
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    PACKETS_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    verdict: str
    packets: int
    bytes: int
    def __init__(self, verdict: _Optional[str] = ..., packets: _Optional[int] = ..., bytes: _Optional[int] = ...) -> None: ...

class ServiceStats(_message.Message):
    __slots__ = ("service", "verdicts", "backends", "noted")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    VERDICTS_FIELD_NUMBER: _ClassVar[int]
    BACKENDS_FIELD_NUMBER: _ClassVar[int]
    NOTED_FIELD_NUMBER: _ClassVar[int]
    service: str
    verdicts: _containers.RepeatedCompositeFieldContainer[VerdictCount]
    backends: _containers.RepeatedCompositeFieldContainer[BackendStats]
    noted: _containers.RepeatedCompositeFieldContainer[VerdictCount]
    def __init__(self, service: _Optional[str] = ..., verdicts: _Optional[_Iterable[_Union[VerdictCount, _Mapping]]] = ..., backends: _Optional[_Iterable[_Union[BackendStats, _Mapping]]] = ..., noted: _Optional[_Iterable[_Union[VerdictCount, _Mapping]]] = ...) -> None: ...

class BackendStats(_message.Message):
    __slots__ = ("backend", "verdicts", "ring_share", "known_flows")
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    VERDICTS_FIELD_NUMBER: _ClassVar[int]
    RING_SHARE_FIELD_NUMBER: _ClassVar[int]
    KNOWN_FLOWS_FIELD_NUMBER: _ClassVar[int]
    backend: str
    verdicts: _containers.RepeatedCompositeFieldContainer[VerdictCount]
    ring_share: float
    known_flows: int
    def __init__(self, backend: _Optional[str] = ..., verdicts: _Optional[_Iterable[_Union[VerdictCount, _Mapping]]] = ..., ring_share: _Optional[float] = ..., known_flows: _Optional[int] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("from_address", "from_port", "service", "to_address", "to_port", "protocol", "syn", "frame")
    FROM_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    FROM_PORT_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    TO_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    TO_PORT_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    SYN_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    from_address: str
    from_port: int
    service: str
    to_address: str
    to_port: int
    protocol: _model_pb2.Protocol
    syn: bool
    frame: bytes
    def __init__(self, from_address: _Optional[str] = ..., from_port: _Optional[int] = ..., service: _Optional[str] = ..., to_address: _Optional[str] = ..., to_port: _Optional[int] = ..., protocol: _Optional[_Union[_model_pb2.Protocol, str]] = ..., syn: bool = ..., frame: _Optional[bytes] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("verdict", "meaning", "action", "service", "backend", "known_flow", "ring_slot", "interface", "packet_in", "packet_out", "steps", "outcome", "hints")
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    MEANING_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    KNOWN_FLOW_FIELD_NUMBER: _ClassVar[int]
    RING_SLOT_FIELD_NUMBER: _ClassVar[int]
    INTERFACE_FIELD_NUMBER: _ClassVar[int]
    PACKET_IN_FIELD_NUMBER: _ClassVar[int]
    PACKET_OUT_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    HINTS_FIELD_NUMBER: _ClassVar[int]
    verdict: str
    meaning: str
    action: str
    service: str
    backend: str
    known_flow: bool
    ring_slot: int
    interface: str
    packet_in: bytes
    packet_out: bytes
    steps: _containers.RepeatedScalarFieldContainer[str]
    outcome: str
    hints: _containers.RepeatedCompositeFieldContainer[_hint_pb2.KnownHint]
    def __init__(self, verdict: _Optional[str] = ..., meaning: _Optional[str] = ..., action: _Optional[str] = ..., service: _Optional[str] = ..., backend: _Optional[str] = ..., known_flow: bool = ..., ring_slot: _Optional[int] = ..., interface: _Optional[str] = ..., packet_in: _Optional[bytes] = ..., packet_out: _Optional[bytes] = ..., steps: _Optional[_Iterable[str]] = ..., outcome: _Optional[str] = ..., hints: _Optional[_Iterable[_Union[_hint_pb2.KnownHint, _Mapping]]] = ...) -> None: ...

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetStatusResponse(_message.Message):
    __slots__ = ("version", "revision", "attachments", "pin_path", "adopted", "capacities", "uptime_seconds")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    ATTACHMENTS_FIELD_NUMBER: _ClassVar[int]
    PIN_PATH_FIELD_NUMBER: _ClassVar[int]
    ADOPTED_FIELD_NUMBER: _ClassVar[int]
    CAPACITIES_FIELD_NUMBER: _ClassVar[int]
    UPTIME_SECONDS_FIELD_NUMBER: _ClassVar[int]
    version: str
    revision: int
    attachments: _containers.RepeatedCompositeFieldContainer[Attachment]
    pin_path: str
    adopted: bool
    capacities: _containers.RepeatedCompositeFieldContainer[Capacity]
    uptime_seconds: int
    def __init__(self, version: _Optional[str] = ..., revision: _Optional[int] = ..., attachments: _Optional[_Iterable[_Union[Attachment, _Mapping]]] = ..., pin_path: _Optional[str] = ..., adopted: bool = ..., capacities: _Optional[_Iterable[_Union[Capacity, _Mapping]]] = ..., uptime_seconds: _Optional[int] = ...) -> None: ...

class Attachment(_message.Message):
    __slots__ = ("interface", "xdp_mode")
    INTERFACE_FIELD_NUMBER: _ClassVar[int]
    XDP_MODE_FIELD_NUMBER: _ClassVar[int]
    interface: str
    xdp_mode: str
    def __init__(self, interface: _Optional[str] = ..., xdp_mode: _Optional[str] = ...) -> None: ...

class Capacity(_message.Message):
    __slots__ = ("map", "used", "limit", "bytes")
    MAP_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    map: str
    used: int
    limit: int
    bytes: int
    def __init__(self, map: _Optional[str] = ..., used: _Optional[int] = ..., limit: _Optional[int] = ..., bytes: _Optional[int] = ...) -> None: ...

class AttachRequest(_message.Message):
    __slots__ = ("interface", "mode")
    INTERFACE_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    interface: str
    mode: XdpMode
    def __init__(self, interface: _Optional[str] = ..., mode: _Optional[_Union[XdpMode, str]] = ...) -> None: ...

class AttachResponse(_message.Message):
    __slots__ = ("attachment", "warning")
    ATTACHMENT_FIELD_NUMBER: _ClassVar[int]
    WARNING_FIELD_NUMBER: _ClassVar[int]
    attachment: Attachment
    warning: str
    def __init__(self, attachment: _Optional[_Union[Attachment, _Mapping]] = ..., warning: _Optional[str] = ...) -> None: ...

class DetachRequest(_message.Message):
    __slots__ = ("interface",)
    INTERFACE_FIELD_NUMBER: _ClassVar[int]
    interface: str
    def __init__(self, interface: _Optional[str] = ...) -> None: ...

class DetachResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
