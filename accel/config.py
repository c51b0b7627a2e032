"""The YAML configuration: services with their backends, to and from `model.Desired`.

Every key is listed here once; config.schema.json says the same for editors, and a test holds
the two together. Every error names the path in the file and the line.
"""

from __future__ import annotations

import dataclasses
import difflib
import enum
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from accel import guard_form
from accel.errors import InvalidError
from accel.guard import UNGUARDED
from accel.model import (
    DEFAULT_GUE_PORT,
    DEFAULT_RING_SIZE,
    DEFAULT_WEIGHT,
    Backend,
    Desired,
    Mode,
    Protocol,
    Service,
    State,
    check_desired,
    parse_address,
)
from accel.yaml_tree import Items, Node, Scalar, Table, line_of, parse

FILE_KEYS = ("services",)
SERVICE_KEYS = ("name", "address", "port", "protocol", "ring_size", "guard", "mode", "backends")
BACKEND_KEYS = ("name", "address", "weight", "mode", "gue_port", "state")
SCHEMA = Path(__file__).with_name("config.schema.json")

_FLAT = re.compile(r"(services|backends)\[(\d+)\](.*)\Z")
_Choice = TypeVar("_Choice", bound=enum.IntEnum)


@dataclass(frozen=True, kw_only=True)
class Document:
    """A file that was read: what it asks for, and where in it each object stands."""

    name: str
    desired: Desired
    tree: Node

    def locate(self, error: InvalidError) -> InvalidError:
        """`error`, whose field is in terms of two flat lists, in terms of this file."""
        flat = _FLAT.match(error.field)
        if not flat:
            return error
        path = f"services[{flat[2]}]{flat[3]}"
        if flat[1] == "backends":
            path = f"{_backend_path(self.tree, int(flat[2]))}{flat[3]}"
        message = error.message.removeprefix(f"{error.field}: ")
        return _wrong(path, message, self.name, line_of(self.tree, path), error.hint)


def load(path: str) -> Document:
    """Read the file at `path`, or standard input for "-". Raises InvalidError."""
    if path == "-":
        return loads(sys.stdin.buffer.read(), "standard input")
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        raise InvalidError(
            path,
            f"cannot be read: {error.strerror}",
            hint="give a YAML file, or - for standard input",
        ) from None
    return loads(text, path)


def loads(text: str | bytes, name: str = "configuration") -> Document:
    """Parse and check a whole configuration. `name` stands for the file in messages.

    Raises InvalidError with the path of the first thing that is wrong, and its line.
    """
    tree = parse(text, name)
    top = _Fields(tree, "", FILE_KEYS, name)
    services: list[Service] = []
    backends: list[Backend] = []
    for i, node in enumerate(top.items("services", required=True)):
        fields = _Fields(node, f"services[{i}]", SERVICE_KEYS, name)
        service = _service(fields)
        services.append(service)
        mode = fields.choice("mode", Mode, Mode.IPIP)
        for j, below in enumerate(fields.items("backends")):
            place = f"services[{i}].backends[{j}]"
            backends.append(_backend(_Fields(below, place, BACKEND_KEYS, name), service.name, mode))
    try:
        desired = check_desired(services, backends)
    except InvalidError as error:
        raise Document(name=name, desired=Desired(), tree=tree).locate(error) from None
    return Document(name=name, desired=desired, tree=tree)


def dumps(desired: Desired) -> str:
    """The YAML that `loads` reads back as `desired`; revisions are not part of it."""
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text = yaml.dump(as_plain(desired), Dumper=dumper, sort_keys=False, allow_unicode=True)
    return str(text)


def as_plain(desired: Desired) -> dict[str, Any]:
    """`desired` as lists and dictionaries in the form of the file, without defaults."""
    below: dict[str, list[Backend]] = {name: [] for name in desired.services}
    for backend in desired.backends.values():
        below[backend.service].append(backend)
    return {
        "services": [
            _plain_service(service, below[service.name]) for service in desired.services.values()
        ]
    }


def _plain_service(service: Service, backends: list[Backend]) -> dict[str, Any]:
    modes = {backend.mode for backend in backends}
    default = modes.pop() if len(modes) == 1 else Mode.IPIP
    plain: dict[str, Any] = {
        "name": service.name,
        "address": str(service.address),
        "port": service.port,
        "protocol": service.protocol.name.lower(),
    }
    if service.ring_size != DEFAULT_RING_SIZE:
        plain["ring_size"] = service.ring_size
    if service.guard != UNGUARDED:
        plain["guard"] = guard_form.plain(service.guard, UNGUARDED)
    if default != Mode.IPIP:
        plain["mode"] = default.name.lower()
    plain["backends"] = [_plain_backend(backend, default) for backend in backends]
    return plain


def _plain_backend(backend: Backend, default: Mode) -> dict[str, Any]:
    plain: dict[str, Any] = {"name": backend.name, "address": str(backend.address)}
    if backend.weight != DEFAULT_WEIGHT:
        plain["weight"] = backend.weight
    if backend.mode != default:
        plain["mode"] = backend.mode.name.lower()
    if backend.gue_port != DEFAULT_GUE_PORT:
        plain["gue_port"] = backend.gue_port
    if backend.state != State.UP:
        plain["state"] = backend.state.name.lower()
    return plain


def _service(fields: _Fields) -> Service:
    return Service(
        name=fields.text("name"),
        address=fields.address(),
        port=fields.number("port"),
        protocol=fields.choice("protocol", Protocol, Protocol.TCP),
        ring_size=fields.number("ring_size", DEFAULT_RING_SIZE),
        guard=_like(fields, "guard", UNGUARDED),
    )


def _like(fields: _Fields, key: str, default: Any) -> Any:
    """What stands below `key`: the fields of `default`, which has those that are not there."""
    usual = {field.name: getattr(default, field.name) for field in dataclasses.fields(default)}
    given: dict[str, Any] = {}
    for name, value in usual.items() if (below := fields.below(key, tuple(usual))) else ():
        if dataclasses.is_dataclass(value):
            given[name] = _like(below, name, value)
        elif isinstance(value, enum.IntEnum):
            given[name] = below.choice(name, type(value), value)
        else:
            given[name] = below.number(name, value)
    return dataclasses.replace(default, **given)


def _backend(fields: _Fields, service: str, mode: Mode) -> Backend:
    return Backend(
        service=service,
        name=fields.text("name"),
        address=fields.address(),
        weight=fields.number("weight", DEFAULT_WEIGHT),
        mode=fields.choice("mode", Mode, mode),
        gue_port=fields.number("gue_port", DEFAULT_GUE_PORT),
        state=fields.choice("state", State, State.UP),
    )


class _Fields:
    """The keys of one mapping of the file, each read once and refused with its path and line."""

    def __init__(self, node: Node, path: str, keys: tuple[str, ...], name: str) -> None:
        self._path = path
        self._file = name
        if not isinstance(node, Table):
            raise _wrong(
                path or name,
                "is not a mapping of keys to values",
                name,
                node.line,
                f"it has the keys {', '.join(keys)}",
            )
        self._node = node
        self._entries = node.entries
        if not self._entries.keys() <= set(keys):
            key = next(key for key in self._entries if key not in keys)
            near = difflib.get_close_matches(key, keys, n=1, cutoff=0.5)
            raise self.wrong(
                key,
                "no such key",
                f"did you mean {near[0]!r}?" if near else f"the keys here are {', '.join(keys)}",
            )

    def text(self, key: str) -> str:
        node = self._entries.get(key)
        if not isinstance(node, Scalar) or node.empty:
            raise self.wrong(key, "is missing" if node is None else "is not a text", "give one")
        return node.text

    def address(self) -> Any:
        text = self.text("address")
        try:
            return parse_address(text, "address")
        except InvalidError as error:
            raise self.wrong(
                "address", error.message.removeprefix("address: "), error.hint
            ) from None

    def number(self, key: str, default: int | None = None) -> int:
        node = self._entries.get(key)
        if node is None and default is not None:
            return default
        if node is None:
            raise self.wrong(key, "is missing", "give a number")
        if isinstance(node, Scalar):
            digits = node.text.removeprefix("-")
            if node.plain and digits.isascii() and digits.isdecimal() and len(digits) < 12:
                return int(node.text)
            hint = "write it in decimal digits, without quotes"
            raise self.wrong(key, f"{node.text!r} is not a whole number", hint)
        raise self.wrong(key, "is not a number", "give one value here")

    def choice(self, key: str, kind: type[_Choice], default: _Choice) -> _Choice:
        node = self._entries.get(key)
        if node is None:
            return default
        text = node.text if isinstance(node, Scalar) else "a collection"
        names = {guard_form.word(member): member for member in kind}
        if text in names:
            return names[text]
        near = difflib.get_close_matches(text, names, n=1, cutoff=0.5)
        raise self.wrong(
            key,
            f"{text!r} is none of {', '.join(names)}",
            f"did you mean {near[0]!r}?"
            if near
            else f"leave it out for {guard_form.word(default)}",
        )

    def below(self, key: str, keys: tuple[str, ...]) -> Any:
        node = self._entries.get(key)
        return None if node is None else _Fields(node, f"{self._path}.{key}", keys, self._file)

    def items(self, key: str, *, required: bool = False) -> list[Node]:
        node = self._entries.get(key)
        if isinstance(node, Items):
            return node.items
        if node is None and not required:
            return []
        problem = "is missing" if node is None else "is not a list"
        raise self.wrong(key, problem, f"write '{key}: []' for none")

    def wrong(self, key: str, problem: str, hint: str) -> InvalidError:
        path = f"{self._path}.{key}".lstrip(".") or repr(key)
        node = self._entries.get(key, self._node)
        return _wrong(path, problem, self._file, node.line, hint)


def _wrong(path: str, problem: str, name: str, line: int, hint: str) -> InvalidError:
    return InvalidError(path, f"{problem} ({name} line {line})", hint=hint)


def _backend_path(tree: Node, number: int) -> str:
    """The path of the backend that is `number` in the order of the file, from 0."""
    assert isinstance(tree, Table)
    services = tree.entries["services"]
    assert isinstance(services, Items)
    for i, service in enumerate(services.items):
        assert isinstance(service, Table)
        backends = service.entries.get("backends")
        count = len(backends.items) if isinstance(backends, Items) else 0
        if number < count:
            return f"services[{i}].backends[{number}]"
        number -= count
    raise IndexError(number)
