from accel.v1 import model_pb2 as _model_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class HintKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HINT_KIND_UNSPECIFIED: _ClassVar[HintKind]
    HINT_KIND_CID: _ClassVar[HintKind]
    HINT_KIND_PUSHED: _ClassVar[HintKind]
    HINT_KIND_LEARNED: _ClassVar[HintKind]
    HINT_KIND_PREFIX: _ClassVar[HintKind]
    HINT_KIND_BASE: _ClassVar[HintKind]
    HINT_KIND_WARM: _ClassVar[HintKind]
HINT_KIND_UNSPECIFIED: HintKind
HINT_KIND_CID: HintKind
HINT_KIND_PUSHED: HintKind
HINT_KIND_LEARNED: HintKind
HINT_KIND_PREFIX: HintKind
HINT_KIND_BASE: HintKind
HINT_KIND_WARM: HintKind

class Hint(_message.Message):
    __slots__ = ("service", "client", "backend", "lifetime", "longest", "require", "caller", "left")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    LIFETIME_FIELD_NUMBER: _ClassVar[int]
    LONGEST_FIELD_NUMBER: _ClassVar[int]
    REQUIRE_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    service: str
    client: str
    backend: str
    lifetime: _duration_pb2.Duration
    longest: _duration_pb2.Duration
    require: bool
    caller: str
    left: _duration_pb2.Duration
    def __init__(self, service: _Optional[str] = ..., client: _Optional[str] = ..., backend: _Optional[str] = ..., lifetime: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., longest: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., require: bool = ..., caller: _Optional[str] = ..., left: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class HintBatch(_message.Message):
    __slots__ = ("service", "backend", "lifetime", "longest", "require", "ipv4", "ipv6")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    LIFETIME_FIELD_NUMBER: _ClassVar[int]
    LONGEST_FIELD_NUMBER: _ClassVar[int]
    REQUIRE_FIELD_NUMBER: _ClassVar[int]
    IPV4_FIELD_NUMBER: _ClassVar[int]
    IPV6_FIELD_NUMBER: _ClassVar[int]
    service: str
    backend: str
    lifetime: _duration_pb2.Duration
    longest: _duration_pb2.Duration
    require: bool
    ipv4: bytes
    ipv6: bytes
    def __init__(self, service: _Optional[str] = ..., backend: _Optional[str] = ..., lifetime: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., longest: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., require: bool = ..., ipv4: _Optional[bytes] = ..., ipv6: _Optional[bytes] = ...) -> None: ...

class HintKey(_message.Message):
    __slots__ = ("service", "client")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    service: str
    client: str
    def __init__(self, service: _Optional[str] = ..., client: _Optional[str] = ...) -> None: ...

class ApplyHintsRequest(_message.Message):
    __slots__ = ("version", "caller", "hints", "batches", "remove")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    HINTS_FIELD_NUMBER: _ClassVar[int]
    BATCHES_FIELD_NUMBER: _ClassVar[int]
    REMOVE_FIELD_NUMBER: _ClassVar[int]
    version: int
    caller: str
    hints: _containers.RepeatedCompositeFieldContainer[Hint]
    batches: _containers.RepeatedCompositeFieldContainer[HintBatch]
    remove: _containers.RepeatedCompositeFieldContainer[HintKey]
    def __init__(self, version: _Optional[int] = ..., caller: _Optional[str] = ..., hints: _Optional[_Iterable[_Union[Hint, _Mapping]]] = ..., batches: _Optional[_Iterable[_Union[HintBatch, _Mapping]]] = ..., remove: _Optional[_Iterable[_Union[HintKey, _Mapping]]] = ...) -> None: ...

class ApplyHintsResponse(_message.Message):
    __slots__ = ("version", "set", "removed", "errors", "failed")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SET_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    version: int
    set: int
    removed: int
    errors: _containers.RepeatedCompositeFieldContainer[HintError]
    failed: int
    def __init__(self, version: _Optional[int] = ..., set: _Optional[int] = ..., removed: _Optional[int] = ..., errors: _Optional[_Iterable[_Union[HintError, _Mapping]]] = ..., failed: _Optional[int] = ...) -> None: ...

class HintError(_message.Message):
    __slots__ = ("entry", "field", "reason", "message", "hint")
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    HINT_FIELD_NUMBER: _ClassVar[int]
    entry: int
    field: str
    reason: str
    message: str
    hint: str
    def __init__(self, entry: _Optional[int] = ..., field: _Optional[str] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., hint: _Optional[str] = ...) -> None: ...

class ListHintsRequest(_message.Message):
    __slots__ = ("service", "backend", "page_size", "page_token")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    service: str
    backend: str
    page_size: int
    page_token: str
    def __init__(self, service: _Optional[str] = ..., backend: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListHintsResponse(_message.Message):
    __slots__ = ("hints", "next_page_token", "count")
    HINTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    hints: _containers.RepeatedCompositeFieldContainer[Hint]
    next_page_token: str
    count: int
    def __init__(self, hints: _Optional[_Iterable[_Union[Hint, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class LookUpHintsRequest(_message.Message):
    __slots__ = ("service", "client")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    service: str
    client: str
    def __init__(self, service: _Optional[str] = ..., client: _Optional[str] = ...) -> None: ...

class LookUpHintsResponse(_message.Message):
    __slots__ = ("hints", "holdout")
    HINTS_FIELD_NUMBER: _ClassVar[int]
    HOLDOUT_FIELD_NUMBER: _ClassVar[int]
    hints: _containers.RepeatedCompositeFieldContainer[KnownHint]
    holdout: bool
    def __init__(self, hints: _Optional[_Iterable[_Union[KnownHint, _Mapping]]] = ..., holdout: bool = ...) -> None: ...

class KnownHint(_message.Message):
    __slots__ = ("kind", "backend", "require", "left", "refused")
    KIND_FIELD_NUMBER: _ClassVar[int]
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    REQUIRE_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    kind: HintKind
    backend: str
    require: bool
    left: _duration_pb2.Duration
    refused: str
    def __init__(self, kind: _Optional[_Union[HintKind, str]] = ..., backend: _Optional[str] = ..., require: bool = ..., left: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., refused: _Optional[str] = ...) -> None: ...

class WatchHintsRequest(_message.Message):
    __slots__ = ("service",)
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    service: str
    def __init__(self, service: _Optional[str] = ...) -> None: ...

class WatchHintsResponse(_message.Message):
    __slots__ = ("set", "removed", "expired")
    SET_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    EXPIRED_FIELD_NUMBER: _ClassVar[int]
    set: _containers.RepeatedCompositeFieldContainer[Hint]
    removed: _containers.RepeatedCompositeFieldContainer[HintKey]
    expired: _containers.RepeatedCompositeFieldContainer[HintKey]
    def __init__(self, set: _Optional[_Iterable[_Union[Hint, _Mapping]]] = ..., removed: _Optional[_Iterable[_Union[HintKey, _Mapping]]] = ..., expired: _Optional[_Iterable[_Union[HintKey, _Mapping]]] = ...) -> None: ...

class SetShardRequest(_message.Message):
    __slots__ = ("service", "shard", "expected_revision", "validate_only")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    SHARD_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    service: str
    shard: _model_pb2.Shard
    expected_revision: int
    validate_only: bool
    def __init__(self, service: _Optional[str] = ..., shard: _Optional[_Union[_model_pb2.Shard, _Mapping]] = ..., expected_revision: _Optional[int] = ..., validate_only: bool = ...) -> None: ...

class SetShardResponse(_message.Message):
    __slots__ = ("service",)
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    service: _model_pb2.Service
    def __init__(self, service: _Optional[_Union[_model_pb2.Service, _Mapping]] = ...) -> None: ...

class ReportWarmRequest(_message.Message):
    __slots__ = ("service", "budgets")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    BUDGETS_FIELD_NUMBER: _ClassVar[int]
    service: str
    budgets: _containers.RepeatedCompositeFieldContainer[WarmBudget]
    def __init__(self, service: _Optional[str] = ..., budgets: _Optional[_Iterable[_Union[WarmBudget, _Mapping]]] = ...) -> None: ...

class WarmBudget(_message.Message):
    __slots__ = ("backend", "connections")
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    backend: str
    connections: int
    def __init__(self, backend: _Optional[str] = ..., connections: _Optional[int] = ...) -> None: ...

class ReportWarmResponse(_message.Message):
    __slots__ = ("reports",)
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    reports: int
    def __init__(self, reports: _Optional[int] = ...) -> None: ...

class GetHintStatsRequest(_message.Message):
    __slots__ = ("service",)
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    service: str
    def __init__(self, service: _Optional[str] = ...) -> None: ...

class GetHintStatsResponse(_message.Message):
    __slots__ = ("services",)
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    services: _containers.RepeatedCompositeFieldContainer[HintStats]
    def __init__(self, services: _Optional[_Iterable[_Union[HintStats, _Mapping]]] = ...) -> None: ...

class HintStats(_message.Message):
    __slots__ = ("service", "outcomes", "learned", "refreshed", "unlearned", "pushed_hints", "prefix_hints", "backends")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    LEARNED_FIELD_NUMBER: _ClassVar[int]
    REFRESHED_FIELD_NUMBER: _ClassVar[int]
    UNLEARNED_FIELD_NUMBER: _ClassVar[int]
    PUSHED_HINTS_FIELD_NUMBER: _ClassVar[int]
    PREFIX_HINTS_FIELD_NUMBER: _ClassVar[int]
    BACKENDS_FIELD_NUMBER: _ClassVar[int]
    service: str
    outcomes: _containers.RepeatedCompositeFieldContainer[HintOutcomeCount]
    learned: int
    refreshed: int
    unlearned: int
    pushed_hints: int
    prefix_hints: int
    backends: _containers.RepeatedCompositeFieldContainer[HintBackend]
    def __init__(self, service: _Optional[str] = ..., outcomes: _Optional[_Iterable[_Union[HintOutcomeCount, _Mapping]]] = ..., learned: _Optional[int] = ..., refreshed: _Optional[int] = ..., unlearned: _Optional[int] = ..., pushed_hints: _Optional[int] = ..., prefix_hints: _Optional[int] = ..., backends: _Optional[_Iterable[_Union[HintBackend, _Mapping]]] = ...) -> None: ...

class HintOutcomeCount(_message.Message):
    __slots__ = ("outcome", "meaning", "kind", "flows")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    MEANING_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    FLOWS_FIELD_NUMBER: _ClassVar[int]
    outcome: str
    meaning: str
    kind: HintKind
    flows: int
    def __init__(self, outcome: _Optional[str] = ..., meaning: _Optional[str] = ..., kind: _Optional[_Union[HintKind, str]] = ..., flows: _Optional[int] = ...) -> None: ...

class HintBackend(_message.Message):
    __slots__ = ("backend", "learned_hints", "flows", "bound", "warm")
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    LEARNED_HINTS_FIELD_NUMBER: _ClassVar[int]
    FLOWS_FIELD_NUMBER: _ClassVar[int]
    BOUND_FIELD_NUMBER: _ClassVar[int]
    WARM_FIELD_NUMBER: _ClassVar[int]
    backend: str
    learned_hints: int
    flows: int
    bound: int
    warm: int
    def __init__(self, backend: _Optional[str] = ..., learned_hints: _Optional[int] = ..., flows: _Optional[int] = ..., bound: _Optional[int] = ..., warm: _Optional[int] = ...) -> None: ...

class GetHintReportRequest(_message.Message):
    __slots__ = ("service", "reset")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    RESET_FIELD_NUMBER: _ClassVar[int]
    service: str
    reset: bool
    def __init__(self, service: _Optional[str] = ..., reset: bool = ...) -> None: ...

class GetHintReportResponse(_message.Message):
    __slots__ = ("service", "seconds", "treated", "holdout", "effects")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    TREATED_FIELD_NUMBER: _ClassVar[int]
    HOLDOUT_FIELD_NUMBER: _ClassVar[int]
    EFFECTS_FIELD_NUMBER: _ClassVar[int]
    service: str
    seconds: float
    treated: HintGroup
    holdout: HintGroup
    effects: _containers.RepeatedCompositeFieldContainer[HintEffect]
    def __init__(self, service: _Optional[str] = ..., seconds: _Optional[float] = ..., treated: _Optional[_Union[HintGroup, _Mapping]] = ..., holdout: _Optional[_Union[HintGroup, _Mapping]] = ..., effects: _Optional[_Iterable[_Union[HintEffect, _Mapping]]] = ...) -> None: ...

class HintGroup(_message.Message):
    __slots__ = ("flows", "client_hellos", "resumptions", "first_payload", "second_payload", "handshake_bytes")
    FLOWS_FIELD_NUMBER: _ClassVar[int]
    CLIENT_HELLOS_FIELD_NUMBER: _ClassVar[int]
    RESUMPTIONS_FIELD_NUMBER: _ClassVar[int]
    FIRST_PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    SECOND_PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    HANDSHAKE_BYTES_FIELD_NUMBER: _ClassVar[int]
    flows: int
    client_hellos: int
    resumptions: int
    first_payload: HintMeasure
    second_payload: HintMeasure
    handshake_bytes: HintMeasure
    def __init__(self, flows: _Optional[int] = ..., client_hellos: _Optional[int] = ..., resumptions: _Optional[int] = ..., first_payload: _Optional[_Union[HintMeasure, _Mapping]] = ..., second_payload: _Optional[_Union[HintMeasure, _Mapping]] = ..., handshake_bytes: _Optional[_Union[HintMeasure, _Mapping]] = ...) -> None: ...

class HintMeasure(_message.Message):
    __slots__ = ("count", "mean", "median", "p95")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    MEDIAN_FIELD_NUMBER: _ClassVar[int]
    P95_FIELD_NUMBER: _ClassVar[int]
    count: int
    mean: float
    median: float
    p95: float
    def __init__(self, count: _Optional[int] = ..., mean: _Optional[float] = ..., median: _Optional[float] = ..., p95: _Optional[float] = ...) -> None: ...

class HintEffect(_message.Message):
    __slots__ = ("measure", "difference", "low", "high")
    MEASURE_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    measure: str
    difference: float
    low: float
    high: float
    def __init__(self, measure: _Optional[str] = ..., difference: _Optional[float] = ..., low: _Optional[float] = ..., high: _Optional[float] = ...) -> None: ...
