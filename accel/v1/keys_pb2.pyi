from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WatchGuardKeysRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WatchGuardKeysResponse(_message.Message):
    __slots__ = ("generation", "cookie_keys")
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    COOKIE_KEYS_FIELD_NUMBER: _ClassVar[int]
    generation: int
    cookie_keys: _containers.RepeatedCompositeFieldContainer[GuardKey]
    def __init__(self, generation: _Optional[int] = ..., cookie_keys: _Optional[_Iterable[_Union[GuardKey, _Mapping]]] = ...) -> None: ...

class GuardKey(_message.Message):
    __slots__ = ("generation", "key")
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    generation: int
    key: bytes
    def __init__(self, generation: _Optional[int] = ..., key: _Optional[bytes] = ...) -> None: ...
