"""The YAML configuration: services with their backends, to and from `model.Desired`.

Every key is listed here once; config.schema.json says the same for editors, and a test holds
the two together. Every error names the path in the file and the line.
"""

from __future__ import annotations

import dataclasses
import enum
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accel.config.yaml_fields import Fields, wrong
from accel.config.yaml_tree import Items, Node, Table, line_of, parse
from accel.errors import InvalidError
from accel.model import plain_values, quic
from accel.model.backend import DEFAULT_GUE_PORT, DEFAULT_WEIGHT, Backend, Mode, State
from accel.model.desired import Desired, check_desired
from accel.model.guard import UNGUARDED
from accel.model.hints import UNHINTED
from accel.model.ring_size import DEFAULT_RING_SIZE
from accel.model.service import Protocol, Service

FILE_KEYS = ("services",)
SERVICE_KEYS = (
    *("name", "address", "port", "protocol", "ring_size", "guard", "hints", "mode", "backends"),
)
BACKEND_KEYS = ("name", "address", "weight", "mode", "gue_port", "state", "server_ids")
SCHEMA = Path(__file__).with_name("config.schema.json")

_FLAT = re.compile(r"(services|backends)\[(\d+)\](.*)\Z")


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
        return wrong(path, message, self.name, line_of(self.tree, path), error.hint)


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
    top = Fields(tree, "", FILE_KEYS, name)
    services: list[Service] = []
    backends: list[Backend] = []
    for i, node in enumerate(top.items("services", required=True)):
        fields = Fields(node, f"services[{i}]", SERVICE_KEYS, name)
        service = _service(fields)
        services.append(service)
        mode = fields.choice("mode", Mode, Mode.IPIP)
        for j, below in enumerate(fields.items("backends")):
            place = f"services[{i}].backends[{j}]"
            backends.append(_backend(Fields(below, place, BACKEND_KEYS, name), service.name, mode))
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
        plain["guard"] = plain_values.plain(service.guard, UNGUARDED)
    if service.hints != UNHINTED:
        plain["hints"] = plain_values.plain(service.hints, UNHINTED)
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
    if backend.server_ids:
        plain["server_ids"] = quic.plain(backend.server_ids)
    return plain


def _service(fields: Fields) -> Service:
    return Service(
        name=fields.text("name"),
        address=fields.address(),
        port=fields.number("port"),
        protocol=fields.choice("protocol", Protocol, Protocol.TCP),
        ring_size=fields.number("ring_size", DEFAULT_RING_SIZE),
        guard=_like(fields, "guard", UNGUARDED),
        hints=_like(fields, "hints", UNHINTED),
    )


def _like(fields: Fields, key: str, default: Any) -> Any:
    """What stands below `key`: the fields of `default`, which has those that are not there."""
    usual = {field.name: getattr(default, field.name) for field in dataclasses.fields(default)}
    given: dict[str, Any] = {}
    of = {field.name: field.metadata.get(plain_values.OF) for field in dataclasses.fields(default)}
    for name, value in usual.items() if (below := fields.below(key, tuple(usual))) else ():
        if dataclasses.is_dataclass(value):
            given[name] = _like(below, name, value)
        elif isinstance(value, tuple):
            given[name] = tuple(_all(each, of[name]) for each in below.each(name, _names(of[name])))
        elif isinstance(value, bool):
            given[name] = below.flag(name, value)
        elif isinstance(value, float):
            given[name] = below.decimal(name, value)
        elif isinstance(value, enum.IntEnum):
            given[name] = below.choice(name, type(value), value)
        else:
            given[name] = below.number(name, value)
    return dataclasses.replace(default, **given)


def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


def _all(fields: Fields, kind: Any) -> Any:
    """One of `kind`, all of whose fields are numbers that have to be there."""
    return kind(**{name: fields.number(name) for name in _names(kind)})


def _backend(fields: Fields, service: str, mode: Mode) -> Backend:
    return Backend(
        service=service,
        name=fields.text("name"),
        address=fields.address(),
        weight=fields.number("weight", DEFAULT_WEIGHT),
        mode=fields.choice("mode", Mode, mode),
        gue_port=fields.number("gue_port", DEFAULT_GUE_PORT),
        state=fields.choice("state", State, State.UP),
        server_ids=fields.server_ids("server_ids"),
    )


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
