from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Protocol(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PROTOCOL_UNSPECIFIED: _ClassVar[Protocol]
    PROTOCOL_TCP: _ClassVar[Protocol]
    PROTOCOL_UDP: _ClassVar[Protocol]

class Mode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MODE_UNSPECIFIED: _ClassVar[Mode]
    MODE_IPIP: _ClassVar[Mode]
    MODE_GUE: _ClassVar[Mode]
    MODE_L2DSR: _ClassVar[Mode]
    MODE_LOCAL: _ClassVar[Mode]

class BackendState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BACKEND_STATE_UNSPECIFIED: _ClassVar[BackendState]
    BACKEND_STATE_UP: _ClassVar[BackendState]
    BACKEND_STATE_DRAIN: _ClassVar[BackendState]
    BACKEND_STATE_DOWN: _ClassVar[BackendState]
PROTOCOL_UNSPECIFIED: Protocol
PROTOCOL_TCP: Protocol
PROTOCOL_UDP: Protocol
MODE_UNSPECIFIED: Mode
MODE_IPIP: Mode
MODE_GUE: Mode
MODE_L2DSR: Mode
MODE_LOCAL: Mode
BACKEND_STATE_UNSPECIFIED: BackendState
BACKEND_STATE_UP: BackendState
BACKEND_STATE_DRAIN: BackendState
BACKEND_STATE_DOWN: BackendState

class Service(_message.Message):
    __slots__ = ("name", "address", "port", "protocol", "ring_size", "revision")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    RING_SIZE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    name: str
    address: str
    port: int
    protocol: Protocol
    ring_size: int
    revision: int
    def __init__(self, name: _Optional[str] = ..., address: _Optional[str] = ..., port: _Optional[int] = ..., protocol: _Optional[_Union[Protocol, str]] = ..., ring_size: _Optional[int] = ..., revision: _Optional[int] = ...) -> None: ...

class Backend(_message.Message):
    __slots__ = ("service", "name", "address", "weight", "mode", "gue_port", "state", "revision", "next_hop")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    GUE_PORT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    NEXT_HOP_FIELD_NUMBER: _ClassVar[int]
    service: str
    name: str
    address: str
    weight: int
    mode: Mode
    gue_port: int
    state: BackendState
    revision: int
    next_hop: NextHop
    def __init__(self, service: _Optional[str] = ..., name: _Optional[str] = ..., address: _Optional[str] = ..., weight: _Optional[int] = ..., mode: _Optional[_Union[Mode, str]] = ..., gue_port: _Optional[int] = ..., state: _Optional[_Union[BackendState, str]] = ..., revision: _Optional[int] = ..., next_hop: _Optional[_Union[NextHop, _Mapping]] = ...) -> None: ...

class NextHop(_message.Message):
    __slots__ = ("resolved", "interface", "mac", "mtu", "problem")
    RESOLVED_FIELD_NUMBER: _ClassVar[int]
    INTERFACE_FIELD_NUMBER: _ClassVar[int]
    MAC_FIELD_NUMBER: _ClassVar[int]
    MTU_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    resolved: bool
    interface: str
    mac: str
    mtu: int
    problem: str
    def __init__(self, resolved: bool = ..., interface: _Optional[str] = ..., mac: _Optional[str] = ..., mtu: _Optional[int] = ..., problem: _Optional[str] = ...) -> None: ...
