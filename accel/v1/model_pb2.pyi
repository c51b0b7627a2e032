from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

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

class GuardMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GUARD_MODE_UNSPECIFIED: _ClassVar[GuardMode]
    GUARD_MODE_AUTH: _ClassVar[GuardMode]
    GUARD_MODE_COOKIE_BACKEND: _ClassVar[GuardMode]
    GUARD_MODE_COOKIE_LOCAL: _ClassVar[GuardMode]
    GUARD_MODE_RETRANSMIT: _ClassVar[GuardMode]

class GuardPolicy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GUARD_POLICY_UNSPECIFIED: _ClassVar[GuardPolicy]
    GUARD_POLICY_OFF: _ClassVar[GuardPolicy]
    GUARD_POLICY_MONITOR: _ClassVar[GuardPolicy]
    GUARD_POLICY_AUTO: _ClassVar[GuardPolicy]
    GUARD_POLICY_ALWAYS: _ClassVar[GuardPolicy]

class GuardLevel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GUARD_LEVEL_UNSPECIFIED: _ClassVar[GuardLevel]
    GUARD_LEVEL_OFF: _ClassVar[GuardLevel]
    GUARD_LEVEL_MONITOR: _ClassVar[GuardLevel]
    GUARD_LEVEL_ATTACK: _ClassVar[GuardLevel]
    GUARD_LEVEL_ON: _ClassVar[GuardLevel]

class Affinity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AFFINITY_UNSPECIFIED: _ClassVar[Affinity]
    AFFINITY_NONE: _ClassVar[Affinity]
    AFFINITY_CLIENT: _ClassVar[Affinity]
    AFFINITY_PREFIX: _ClassVar[Affinity]

class Learn(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LEARN_UNSPECIFIED: _ClassVar[Learn]
    LEARN_OFF: _ClassVar[Learn]
    LEARN_EXCEPTIONS: _ClassVar[Learn]
    LEARN_ALL: _ClassVar[Learn]

class ShardKey(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SHARD_KEY_UNSPECIFIED: _ClassVar[ShardKey]
    SHARD_KEY_NONE: _ClassVar[ShardKey]
    SHARD_KEY_SOURCE: _ClassVar[ShardKey]
    SHARD_KEY_PORT: _ClassVar[ShardKey]
    SHARD_KEY_SERVICE: _ClassVar[ShardKey]
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
GUARD_MODE_UNSPECIFIED: GuardMode
GUARD_MODE_AUTH: GuardMode
GUARD_MODE_COOKIE_BACKEND: GuardMode
GUARD_MODE_COOKIE_LOCAL: GuardMode
GUARD_MODE_RETRANSMIT: GuardMode
GUARD_POLICY_UNSPECIFIED: GuardPolicy
GUARD_POLICY_OFF: GuardPolicy
GUARD_POLICY_MONITOR: GuardPolicy
GUARD_POLICY_AUTO: GuardPolicy
GUARD_POLICY_ALWAYS: GuardPolicy
GUARD_LEVEL_UNSPECIFIED: GuardLevel
GUARD_LEVEL_OFF: GuardLevel
GUARD_LEVEL_MONITOR: GuardLevel
GUARD_LEVEL_ATTACK: GuardLevel
GUARD_LEVEL_ON: GuardLevel
AFFINITY_UNSPECIFIED: Affinity
AFFINITY_NONE: Affinity
AFFINITY_CLIENT: Affinity
AFFINITY_PREFIX: Affinity
LEARN_UNSPECIFIED: Learn
LEARN_OFF: Learn
LEARN_EXCEPTIONS: Learn
LEARN_ALL: Learn
SHARD_KEY_UNSPECIFIED: ShardKey
SHARD_KEY_NONE: ShardKey
SHARD_KEY_SOURCE: ShardKey
SHARD_KEY_PORT: ShardKey
SHARD_KEY_SERVICE: ShardKey

class Service(_message.Message):
    __slots__ = ("name", "address", "port", "protocol", "ring_size", "revision", "guard", "hints")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    RING_SIZE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    GUARD_FIELD_NUMBER: _ClassVar[int]
    HINTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    address: str
    port: int
    protocol: Protocol
    ring_size: int
    revision: int
    guard: Guard
    hints: Hints
    def __init__(self, name: _Optional[str] = ..., address: _Optional[str] = ..., port: _Optional[int] = ..., protocol: _Optional[_Union[Protocol, str]] = ..., ring_size: _Optional[int] = ..., revision: _Optional[int] = ..., guard: _Optional[_Union[Guard, _Mapping]] = ..., hints: _Optional[_Union[Hints, _Mapping]] = ...) -> None: ...

class Guard(_message.Message):
    __slots__ = ("mode", "policy", "on_rate", "off_rate", "hold", "prefixes", "flags", "fragments", "unknown", "syn_rate", "udp_rate", "icmp_rate")
    MODE_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    ON_RATE_FIELD_NUMBER: _ClassVar[int]
    OFF_RATE_FIELD_NUMBER: _ClassVar[int]
    HOLD_FIELD_NUMBER: _ClassVar[int]
    PREFIXES_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    FRAGMENTS_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    SYN_RATE_FIELD_NUMBER: _ClassVar[int]
    UDP_RATE_FIELD_NUMBER: _ClassVar[int]
    ICMP_RATE_FIELD_NUMBER: _ClassVar[int]
    mode: GuardMode
    policy: GuardPolicy
    on_rate: int
    off_rate: int
    hold: int
    prefixes: GuardLevel
    flags: GuardLevel
    fragments: GuardLevel
    unknown: GuardLevel
    syn_rate: SourceRate
    udp_rate: SourceRate
    icmp_rate: SourceRate
    def __init__(self, mode: _Optional[_Union[GuardMode, str]] = ..., policy: _Optional[_Union[GuardPolicy, str]] = ..., on_rate: _Optional[int] = ..., off_rate: _Optional[int] = ..., hold: _Optional[int] = ..., prefixes: _Optional[_Union[GuardLevel, str]] = ..., flags: _Optional[_Union[GuardLevel, str]] = ..., fragments: _Optional[_Union[GuardLevel, str]] = ..., unknown: _Optional[_Union[GuardLevel, str]] = ..., syn_rate: _Optional[_Union[SourceRate, _Mapping]] = ..., udp_rate: _Optional[_Union[SourceRate, _Mapping]] = ..., icmp_rate: _Optional[_Union[SourceRate, _Mapping]] = ...) -> None: ...

class SourceRate(_message.Message):
    __slots__ = ("level", "source", "prefix")
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    level: GuardLevel
    source: Rate
    prefix: Rate
    def __init__(self, level: _Optional[_Union[GuardLevel, str]] = ..., source: _Optional[_Union[Rate, _Mapping]] = ..., prefix: _Optional[_Union[Rate, _Mapping]] = ...) -> None: ...

class Rate(_message.Message):
    __slots__ = ("per_second", "burst")
    PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    BURST_FIELD_NUMBER: _ClassVar[int]
    per_second: int
    burst: int
    def __init__(self, per_second: _Optional[int] = ..., burst: _Optional[int] = ...) -> None: ...

class Hints(_message.Message):
    __slots__ = ("affinity", "learn", "shard", "warm", "key4", "key6", "lifetime", "longest", "holdout", "bound", "floor", "quic", "sample")
    AFFINITY_FIELD_NUMBER: _ClassVar[int]
    LEARN_FIELD_NUMBER: _ClassVar[int]
    SHARD_FIELD_NUMBER: _ClassVar[int]
    WARM_FIELD_NUMBER: _ClassVar[int]
    KEY4_FIELD_NUMBER: _ClassVar[int]
    KEY6_FIELD_NUMBER: _ClassVar[int]
    LIFETIME_FIELD_NUMBER: _ClassVar[int]
    LONGEST_FIELD_NUMBER: _ClassVar[int]
    HOLDOUT_FIELD_NUMBER: _ClassVar[int]
    BOUND_FIELD_NUMBER: _ClassVar[int]
    FLOOR_FIELD_NUMBER: _ClassVar[int]
    QUIC_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    affinity: Affinity
    learn: Learn
    shard: Shard
    warm: bool
    key4: int
    key6: int
    lifetime: int
    longest: int
    holdout: float
    bound: float
    floor: int
    quic: QuicIds
    sample: float
    def __init__(self, affinity: _Optional[_Union[Affinity, str]] = ..., learn: _Optional[_Union[Learn, str]] = ..., shard: _Optional[_Union[Shard, _Mapping]] = ..., warm: bool = ..., key4: _Optional[int] = ..., key6: _Optional[int] = ..., lifetime: _Optional[int] = ..., longest: _Optional[int] = ..., holdout: _Optional[float] = ..., bound: _Optional[float] = ..., floor: _Optional[int] = ..., quic: _Optional[_Union[QuicIds, _Mapping]] = ..., sample: _Optional[float] = ...) -> None: ...

class Shard(_message.Message):
    __slots__ = ("key", "size")
    KEY_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    key: ShardKey
    size: int
    def __init__(self, key: _Optional[_Union[ShardKey, str]] = ..., size: _Optional[int] = ...) -> None: ...

class QuicIds(_message.Message):
    __slots__ = ("forms",)
    FORMS_FIELD_NUMBER: _ClassVar[int]
    forms: _containers.RepeatedCompositeFieldContainer[QuicId]
    def __init__(self, forms: _Optional[_Iterable[_Union[QuicId, _Mapping]]] = ...) -> None: ...

class QuicId(_message.Message):
    __slots__ = ("rotation", "server_id_length", "nonce_length")
    ROTATION_FIELD_NUMBER: _ClassVar[int]
    SERVER_ID_LENGTH_FIELD_NUMBER: _ClassVar[int]
    NONCE_LENGTH_FIELD_NUMBER: _ClassVar[int]
    rotation: int
    server_id_length: int
    nonce_length: int
    def __init__(self, rotation: _Optional[int] = ..., server_id_length: _Optional[int] = ..., nonce_length: _Optional[int] = ...) -> None: ...

class ServerIds(_message.Message):
    __slots__ = ("ids",)
    IDS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedCompositeFieldContainer[ServerId]
    def __init__(self, ids: _Optional[_Iterable[_Union[ServerId, _Mapping]]] = ...) -> None: ...

class ServerId(_message.Message):
    __slots__ = ("rotation", "id")
    ROTATION_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    rotation: int
    id: bytes
    def __init__(self, rotation: _Optional[int] = ..., id: _Optional[bytes] = ...) -> None: ...

class Backend(_message.Message):
    __slots__ = ("service", "name", "address", "weight", "mode", "gue_port", "state", "revision", "next_hop", "server_ids")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    GUE_PORT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    NEXT_HOP_FIELD_NUMBER: _ClassVar[int]
    SERVER_IDS_FIELD_NUMBER: _ClassVar[int]
    service: str
    name: str
    address: str
    weight: int
    mode: Mode
    gue_port: int
    state: BackendState
    revision: int
    next_hop: NextHop
    server_ids: ServerIds
    def __init__(self, service: _Optional[str] = ..., name: _Optional[str] = ..., address: _Optional[str] = ..., weight: _Optional[int] = ..., mode: _Optional[_Union[Mode, str]] = ..., gue_port: _Optional[int] = ..., state: _Optional[_Union[BackendState, str]] = ..., revision: _Optional[int] = ..., next_hop: _Optional[_Union[NextHop, _Mapping]] = ..., server_ids: _Optional[_Union[ServerIds, _Mapping]] = ...) -> None: ...

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
