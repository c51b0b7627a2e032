from accel.v1 import gateway_pb2 as _gateway_pb2
from accel.v1 import model_pb2 as _model_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GuardState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GUARD_STATE_UNSPECIFIED: _ClassVar[GuardState]
    GUARD_STATE_OFF: _ClassVar[GuardState]
    GUARD_STATE_QUIET: _ClassVar[GuardState]
    GUARD_STATE_ATTACK: _ClassVar[GuardState]
    GUARD_STATE_LINGER: _ClassVar[GuardState]
GUARD_STATE_UNSPECIFIED: GuardState
GUARD_STATE_OFF: GuardState
GUARD_STATE_QUIET: GuardState
GUARD_STATE_ATTACK: GuardState
GUARD_STATE_LINGER: GuardState

class GetGuardStatusRequest(_message.Message):
    __slots__ = ("service",)
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    service: str
    def __init__(self, service: _Optional[str] = ...) -> None: ...

class GetGuardStatusResponse(_message.Message):
    __slots__ = ("guards",)
    GUARDS_FIELD_NUMBER: _ClassVar[int]
    guards: _containers.RepeatedCompositeFieldContainer[GuardStatus]
    def __init__(self, guards: _Optional[_Iterable[_Union[GuardStatus, _Mapping]]] = ...) -> None: ...

class GuardStatus(_message.Message):
    __slots__ = ("service", "guard", "state", "answering", "seconds", "rates", "thresholds", "sources", "noted", "problem")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    GUARD_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ANSWERING_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    RATES_FIELD_NUMBER: _ClassVar[int]
    THRESHOLDS_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    NOTED_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    service: str
    guard: _model_pb2.Guard
    state: GuardState
    answering: bool
    seconds: float
    rates: GuardRates
    thresholds: GuardThresholds
    sources: _containers.RepeatedCompositeFieldContainer[TopSource]
    noted: _containers.RepeatedCompositeFieldContainer[_gateway_pb2.VerdictCount]
    problem: str
    def __init__(self, service: _Optional[str] = ..., guard: _Optional[_Union[_model_pb2.Guard, _Mapping]] = ..., state: _Optional[_Union[GuardState, str]] = ..., answering: bool = ..., seconds: _Optional[float] = ..., rates: _Optional[_Union[GuardRates, _Mapping]] = ..., thresholds: _Optional[_Union[GuardThresholds, _Mapping]] = ..., sources: _Optional[_Iterable[_Union[TopSource, _Mapping]]] = ..., noted: _Optional[_Iterable[_Union[_gateway_pb2.VerdictCount, _Mapping]]] = ..., problem: _Optional[str] = ...) -> None: ...

class GuardRates(_message.Message):
    __slots__ = ("excess", "total", "syn", "challenged", "proven", "cookies", "cookies_answered", "first_syns", "strays", "dropped")
    EXCESS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    SYN_FIELD_NUMBER: _ClassVar[int]
    CHALLENGED_FIELD_NUMBER: _ClassVar[int]
    PROVEN_FIELD_NUMBER: _ClassVar[int]
    COOKIES_FIELD_NUMBER: _ClassVar[int]
    COOKIES_ANSWERED_FIELD_NUMBER: _ClassVar[int]
    FIRST_SYNS_FIELD_NUMBER: _ClassVar[int]
    STRAYS_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    excess: float
    total: float
    syn: float
    challenged: float
    proven: float
    cookies: float
    cookies_answered: float
    first_syns: float
    strays: float
    dropped: float
    def __init__(self, excess: _Optional[float] = ..., total: _Optional[float] = ..., syn: _Optional[float] = ..., challenged: _Optional[float] = ..., proven: _Optional[float] = ..., cookies: _Optional[float] = ..., cookies_answered: _Optional[float] = ..., first_syns: _Optional[float] = ..., strays: _Optional[float] = ..., dropped: _Optional[float] = ...) -> None: ...

class GuardThresholds(_message.Message):
    __slots__ = ("on", "off", "ceiling", "quiet", "learned")
    ON_FIELD_NUMBER: _ClassVar[int]
    OFF_FIELD_NUMBER: _ClassVar[int]
    CEILING_FIELD_NUMBER: _ClassVar[int]
    QUIET_FIELD_NUMBER: _ClassVar[int]
    LEARNED_FIELD_NUMBER: _ClassVar[int]
    on: float
    off: float
    ceiling: float
    quiet: float
    learned: bool
    def __init__(self, on: _Optional[float] = ..., off: _Optional[float] = ..., ceiling: _Optional[float] = ..., quiet: _Optional[float] = ..., learned: bool = ...) -> None: ...

class TopSource(_message.Message):
    __slots__ = ("prefix", "packets_per_second", "share")
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    PACKETS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    prefix: str
    packets_per_second: float
    share: float
    def __init__(self, prefix: _Optional[str] = ..., packets_per_second: _Optional[float] = ..., share: _Optional[float] = ...) -> None: ...

class ListGuardSamplesRequest(_message.Message):
    __slots__ = ("service", "limit")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    service: str
    limit: int
    def __init__(self, service: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class ListGuardSamplesResponse(_message.Message):
    __slots__ = ("samples",)
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    samples: _containers.RepeatedCompositeFieldContainer[GuardSample]
    def __init__(self, samples: _Optional[_Iterable[_Union[GuardSample, _Mapping]]] = ...) -> None: ...

class GuardSample(_message.Message):
    __slots__ = ("seconds_ago", "service", "verdict", "source", "source_port", "destination", "destination_port", "protocol", "tcp_flags", "length", "count")
    SECONDS_AGO_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_PORT_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_PORT_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    TCP_FLAGS_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    seconds_ago: float
    service: str
    verdict: str
    source: str
    source_port: int
    destination: str
    destination_port: int
    protocol: int
    tcp_flags: int
    length: int
    count: int
    def __init__(self, seconds_ago: _Optional[float] = ..., service: _Optional[str] = ..., verdict: _Optional[str] = ..., source: _Optional[str] = ..., source_port: _Optional[int] = ..., destination: _Optional[str] = ..., destination_port: _Optional[int] = ..., protocol: _Optional[int] = ..., tcp_flags: _Optional[int] = ..., length: _Optional[int] = ..., count: _Optional[int] = ...) -> None: ...
