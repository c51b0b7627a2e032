"""The keys of a mapping in the configuration, each read once, with its path and line in errors."""

from __future__ import annotations

import difflib
import enum
import math
import re
from typing import Any, TypeVar

from accel.config.yaml_tree import Items, Node, Scalar, Table
from accel.errors import InvalidError
from accel.model import plain_values, quic
from accel.model.address import parse_address

_NUMBER = re.compile(r"-?\d{1,12}(\.\d{1,20})?([eE][+-]?\d{1,3})?\Z", re.ASCII)
_Choice = TypeVar("_Choice", bound=enum.IntEnum)


class Fields:
    """The keys of one mapping of the file, each read once and refused with its path and line."""

    def __init__(self, node: Node, path: str, keys: tuple[str, ...], name: str) -> None:
        self._path = path
        self._file = name
        if not isinstance(node, Table):
            raise wrong(
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

    def decimal(self, key: str, default: float) -> float:
        """A number that need not be whole."""
        node = self._entries.get(key)
        if node is None:
            return default
        if isinstance(node, Scalar) and node.plain and _NUMBER.match(node.text):
            value = float(node.text)
            if math.isfinite(value):
                return value
        text = node.text if isinstance(node, Scalar) else "a collection"
        raise self.wrong(key, f"{text!r} is not a number", "write it as 1.5, without quotes")

    def flag(self, key: str, default: bool) -> bool:
        """true or false."""
        node = self._entries.get(key)
        if node is None:
            return default
        if isinstance(node, Scalar) and node.plain and node.text in ("true", "false"):
            return node.text == "true"
        text = node.text if isinstance(node, Scalar) else "a collection"
        raise self.wrong(key, f"{text!r} is neither true nor false", "write one of them")

    def server_ids(self, key: str) -> quic.ServerIds:
        """Ids in hexadecimal digits by rotation."""
        node = self._entries.get(key)
        if node is None:
            return ()
        if not isinstance(node, Table):
            raise self.wrong(key, "is not a mapping", "write it as {0: a1b2c3d4}")
        ids = []
        for rotation, below in node.entries.items():
            digits = below.text if isinstance(below, Scalar) else ""
            try:
                ids.append(quic.parse(rotation, digits, ""))
            except InvalidError as error:
                path, problem = f"{self._path}.{key}.{rotation}", error.message.removeprefix(": ")
                raise wrong(path, problem, self._file, below.line, error.hint) from None
        return quic.in_order(ids)

    def choice(self, key: str, kind: type[_Choice], default: _Choice) -> _Choice:
        node = self._entries.get(key)
        if node is None:
            return default
        text = node.text if isinstance(node, Scalar) else "a collection"
        names = {plain_values.word(member): member for member in kind}
        if text in names:
            return names[text]
        near = difflib.get_close_matches(text, names, n=1, cutoff=0.5)
        raise self.wrong(
            key,
            f"{text!r} is none of {', '.join(names)}",
            f"did you mean {near[0]!r}?"
            if near
            else f"leave it out for {plain_values.word(default)}",
        )

    def below(self, key: str, keys: tuple[str, ...]) -> Any:
        node = self._entries.get(key)
        return None if node is None else Fields(node, f"{self._path}.{key}", keys, self._file)

    def each(self, key: str, keys: tuple[str, ...]) -> list[Fields]:
        """The mappings of a list, each with these keys."""
        return [
            Fields(node, f"{self._path}.{key}[{i}]", keys, self._file)
            for i, node in enumerate(self.items(key))
        ]

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
        return wrong(path, problem, self._file, node.line, hint)


def wrong(path: str, problem: str, name: str, line: int, hint: str) -> InvalidError:
    """What is said of the file `name`."""
    return InvalidError(path, f"{problem} ({name} line {line})", hint=hint)
