"""YAML as a small tree that remembers line numbers and refuses what hides mistakes.

yaml.safe_load forgets where a value stood and lets a repeated key win silently. This reads
libyaml's events instead, which is also the fastest way in: 100,000 backends in a few seconds.
"""

from __future__ import annotations

import gc
from typing import Any, NamedTuple

from accel.errors import InvalidError

_DEEPEST = 16  # levels; the configuration has five


class Scalar(NamedTuple):
    """A value that is not a collection; `plain` if it stood there without quotes."""

    text: str
    line: int
    plain: bool

    @property
    def empty(self) -> bool:
        """True where YAML says null."""
        return self.plain and self.text in ("", "~", "null", "Null", "NULL")


class Items(NamedTuple):
    """A list. `line` is that of its key, if it has one."""

    items: list[Node]
    line: int


class Table(NamedTuple):
    """A mapping with text keys. `line` as in Items."""

    entries: dict[str, Node]
    line: int


Node = Scalar | Items | Table


def parse(text: str | bytes, name: str) -> Node:
    """The one document in `text`. `name` is the file's, for messages.

    Raises InvalidError, whose field is the path of what is wrong, or `name`.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    collecting = gc.isenabled()
    gc.disable()  # a million events hold no cycles, and scanning them doubles the time
    try:
        events = loader(text)
        try:
            return _Builder(events, name, yaml).document()
        finally:
            events.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        raise InvalidError(
            name,
            f"not YAML: {problem}{where}",
            hint="look at the indentation, quotes and colons there",
        ) from None
    finally:
        if collecting:
            gc.enable()


def line_of(root: Node, path: str) -> int:
    """The line of `path` as in a[1].b, or of the deepest part of it that is there."""
    node = root
    for step in path.replace("[", ".[").strip(".").split("."):
        if step.startswith("[") and isinstance(node, Items) and int(step[1:-1]) < len(node.items):
            node = node.items[int(step[1:-1])]
        elif isinstance(node, Table) and step in node.entries:
            node = node.entries[step]
        else:
            break
    return node.line


class _Builder:
    def __init__(self, events: Any, name: str, yaml: Any) -> None:
        self._next = events.get_event
        self._name = name
        self._yaml = yaml
        self._anchors: dict[str, Node] = {}
        self._path: list[str] = []

    def document(self) -> Node:
        yaml = self._yaml
        self._next()  # the stream's start
        event = self._next()
        if isinstance(event, yaml.StreamEndEvent):
            return Scalar("", 1, True)
        node = self._node(self._next(), None)
        self._next()  # the document's end
        event = self._next()
        if not isinstance(event, yaml.StreamEndEvent):
            raise self._wrong(
                "a second YAML document begins there",
                event.start_mark.line + 1,
                "keep one document in a file, and remove the line '---' between them",
            )
        return node

    def _node(self, event: Any, key_line: int | None) -> Node:
        yaml = self._yaml
        kind = type(event)
        line = event.start_mark.line + 1
        if kind is yaml.AliasEvent:
            if event.anchor not in self._anchors:
                raise self._wrong(f"no anchor &{event.anchor} before it", line, "define it above")
            return self._anchors[event.anchor]
        if event.tag is not None:
            raise self._wrong(f"the tag {event.tag} is not known here", line, "leave it out")
        node: Node
        if kind is yaml.ScalarEvent:
            node = Scalar(event.value, line, event.implicit[0])
        else:
            if len(self._path) >= _DEEPEST:
                raise self._wrong("nested too deeply", line, "look at the brackets there")
            collect = self._items if kind is yaml.SequenceStartEvent else self._table
            node = collect(key_line or line)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _items(self, line: int) -> Items:
        items: list[Node] = []
        end = self._yaml.SequenceEndEvent
        while type(event := self._next()) is not end:
            self._path.append(f"[{len(items)}]")
            items.append(self._node(event, None))
            self._path.pop()
        return Items(items, line)

    def _table(self, line: int) -> Table:
        entries: dict[str, Node] = {}
        yaml = self._yaml
        end, scalar = yaml.MappingEndEvent, yaml.ScalarEvent
        while type(event := self._next()) is not end:
            here = event.start_mark.line + 1
            if type(event) is not scalar:
                raise self._wrong("a key that is not text", here, "write it as 'key: value'")
            key = event.value
            self._path.append(f".{key}")
            if key in entries:
                raise self._wrong(
                    f"stands there twice, first on line {entries[key].line}",
                    here,
                    "keep one of the two",
                )
            entries[key] = self._node(self._next(), here)
            self._path.pop()
        return Table(entries, line)

    def _wrong(self, problem: str, line: int, hint: str) -> InvalidError:
        path = "".join(self._path).lstrip(".") or self._name
        return InvalidError(path, f"{problem} ({self._name} line {line})", hint=hint)
