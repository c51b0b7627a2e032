from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PrefixAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PREFIX_ACTION_UNSPECIFIED: _ClassVar[PrefixAction]
    PREFIX_ACTION_ALLOW: _ClassVar[PrefixAction]
    PREFIX_ACTION_DENY: _ClassVar[PrefixAction]
PREFIX_ACTION_UNSPECIFIED: PrefixAction
PREFIX_ACTION_ALLOW: PrefixAction
PREFIX_ACTION_DENY: PrefixAction

class Prefix(_message.Message):
    __slots__ = ("prefix", "action", "expire_time", "ttl", "comment")
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    TTL_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    prefix: str
    action: PrefixAction
    expire_time: _timestamp_pb2.Timestamp
    ttl: _duration_pb2.Duration
    comment: str
    def __init__(self, prefix: _Optional[str] = ..., action: _Optional[_Union[PrefixAction, str]] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., ttl: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., comment: _Optional[str] = ...) -> None: ...

class AddPrefixesRequest(_message.Message):
    __slots__ = ("prefixes", "validate_only")
    PREFIXES_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    prefixes: _containers.RepeatedCompositeFieldContainer[Prefix]
    validate_only: bool
    def __init__(self, prefixes: _Optional[_Iterable[_Union[Prefix, _Mapping]]] = ..., validate_only: bool = ...) -> None: ...

class AddPrefixesResponse(_message.Message):
    __slots__ = ("count",)
    COUNT_FIELD_NUMBER: _ClassVar[int]
    count: int
    def __init__(self, count: _Optional[int] = ...) -> None: ...

class RemovePrefixesRequest(_message.Message):
    __slots__ = ("prefixes", "validate_only")
    PREFIXES_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    prefixes: _containers.RepeatedScalarFieldContainer[str]
    validate_only: bool
    def __init__(self, prefixes: _Optional[_Iterable[str]] = ..., validate_only: bool = ...) -> None: ...

class RemovePrefixesResponse(_message.Message):
    __slots__ = ("count",)
    COUNT_FIELD_NUMBER: _ClassVar[int]
    count: int
    def __init__(self, count: _Optional[int] = ...) -> None: ...

class ListPrefixesRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPrefixesResponse(_message.Message):
    __slots__ = ("prefixes", "next_page_token", "count")
    PREFIXES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    prefixes: _containers.RepeatedCompositeFieldContainer[Prefix]
    next_page_token: str
    count: int
    def __init__(self, prefixes: _Optional[_Iterable[_Union[Prefix, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class LoadPrefixesRequest(_message.Message):
    __slots__ = ("text", "default_action", "default_ttl", "replace", "validate_only")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_ACTION_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_TTL_FIELD_NUMBER: _ClassVar[int]
    REPLACE_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    text: bytes
    default_action: PrefixAction
    default_ttl: _duration_pb2.Duration
    replace: bool
    validate_only: bool
    def __init__(self, text: _Optional[bytes] = ..., default_action: _Optional[_Union[PrefixAction, str]] = ..., default_ttl: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., replace: bool = ..., validate_only: bool = ...) -> None: ...

class LoadPrefixesResponse(_message.Message):
    __slots__ = ("loaded", "count")
    LOADED_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    loaded: int
    count: int
    def __init__(self, loaded: _Optional[int] = ..., count: _Optional[int] = ...) -> None: ...

class LookUpAddressRequest(_message.Message):
    __slots__ = ("address",)
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    address: str
    def __init__(self, address: _Optional[str] = ...) -> None: ...

class LookUpAddressResponse(_message.Message):
    __slots__ = ("prefixes",)
    PREFIXES_FIELD_NUMBER: _ClassVar[int]
    prefixes: _containers.RepeatedCompositeFieldContainer[Prefix]
    def __init__(self, prefixes: _Optional[_Iterable[_Union[Prefix, _Mapping]]] = ...) -> None: ...
