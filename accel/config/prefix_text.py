"""Lists of prefixes as text, one on a line: our own, and those that others publish.

deny 192.0.2.0/24 for 2h   # why
allow 2001:db8::/32
198.51.100.7               ; of a list that is to be denied as a whole
"""

from __future__ import annotations

import re
import socket
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_network

import numpy as np
import numpy.typing as npt

from accel.errors import CapacityError, InvalidError
from accel.model.prefix import GREATEST_COMMENT, parse_ttl
from accel.model.prefix_columns import Prefixes, network_at

_GREATEST_LINE = 1000  # bytes
_LINE = re.compile(
    rb"\s*(?:(allow|deny)\s+)?([0-9a-fA-F:.]+)(?:/([0-9]{1,3}))?"
    rb"(?:\s+for\s+([0-9a-z]+))?\s*(?:[#;](.*))?\Z"
)
_MAPPED = bytes(10) + b"\xff\xff"
_FORM = "write it as: deny 192.0.2.0/24 for 2h # why"
_UNSAID = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """Prefixes, each once and in the order of their addresses, the shorter ones first.

    `ttl` is in seconds, 0 for ever; `comments` by position, where there are any. `where` names the
    field that one is from, as in "line 17".
    """

    prefixes: Prefixes
    ttl: npt.NDArray[np.int64]
    comments: Mapping[int, str]
    where: Callable[[int], str]


class Reader:
    """Reads a text in pieces that may be cut anywhere. Errors name the line as "line 17"."""

    def __init__(self, *, deny: bool | None = None, ttl: int = 0, limit: int = 1 << 24) -> None:
        """`deny` and `ttl` are for lines that do not say it; `limit` is how many there may be."""
        self._default = _UNSAID if deny is None else int(deny)
        self._ttl = ttl
        self._limit = limit
        self._rest = b""
        self._line = 0
        self._addresses = bytearray()
        self._cuts, self._actions = array("B"), array("B")
        self._ttls, self._lines = array("q"), array("L")
        self._comments: dict[int, str] = {}

    def feed(self, text: bytes) -> None:
        """Raises InvalidError, and CapacityError if there are too many."""
        whole, newline, rest = text.rpartition(b"\n")
        if newline:
            self._read((self._rest + whole).split(b"\n"))
            self._rest = rest
        else:
            self._rest += text
        if len(self._rest) > _GREATEST_LINE:
            self._line += 1
            raise self._error(self._rest[:40], f"has over {_GREATEST_LINE} bytes")
        if len(self._cuts) > self._limit:
            raise CapacityError(
                "prefixes", needed=len(self._cuts), limit=self._limit, option="--max-prefixes"
            )

    def done(self) -> Listed:
        """What was read. Raises InvalidError."""
        if self._rest:
            self._read([self._rest])
        halves = np.frombuffer(self._addresses, ">u8").reshape(-1, 2)
        prefixes = Prefixes(
            high=halves[:, 0].astype(np.uint64),
            low=halves[:, 1].astype(np.uint64),
            cut=np.frombuffer(self._cuts, np.uint8),
            deny=np.frombuffer(self._actions, np.uint8) == 1,
        )
        ttl = np.frombuffer(self._ttls, np.int64)
        return each_once(prefixes, ttl, self._comments, lambda i: f"line {self._lines[i]}")

    def _read(self, lines: list[bytes]) -> None:
        match, pton = _LINE.match, socket.inet_pton
        addresses, cuts, actions = self._addresses, self._cuts, self._actions
        ttls, numbers = self._ttls, self._lines
        number, default, default_ttl = self._line, self._default, self._ttl
        for line in lines:
            self._line = number = number + 1
            found = match(line)
            if found is None:
                if line.strip()[:1] in (b"", b"#", b";"):
                    continue
                raise self._error(line, "is no prefix with allow or deny")
            action, address, length, ttl, comment = found.groups()
            try:
                if b":" in address:
                    addresses += pton(socket.AF_INET6, address.decode())
                    cut = 128 - int(length or 128)
                else:
                    addresses += _MAPPED + pton(socket.AF_INET, address.decode())
                    cut = 32 - int(length or 32)
            except OSError:
                raise self._error(address, "is not an IPv4 or IPv6 address") from None
            if cut < 0:
                most = 128 if b":" in address else 32
                raise self._error(line, f"is longer than an address: /{most} at the most")
            said = default if action is None else int(action == b"deny")
            if said == _UNSAID:
                raise self._error(
                    line,
                    "says neither allow nor deny",
                    hint="begin the line with one of them, or say which it is of the whole text",
                )
            if comment and (words := comment.decode(errors="replace").strip()):
                self._comments[len(cuts)] = words[:GREATEST_COMMENT]
            ttls.append(parse_ttl(ttl.decode(), f"line {number}") if ttl else default_ttl)
            cuts.append(cut)
            actions.append(said)
            numbers.append(number)

    def _error(self, what: bytes, problem: str, hint: str = _FORM) -> InvalidError:
        text = what.decode(errors="replace").strip()
        return InvalidError(f"line {self._line}", f"{text[:80]!r} {problem}", hint=hint)


def each_once(
    prefixes: Prefixes,
    ttl: npt.NDArray[np.int64],
    comments: Mapping[int, str],
    where: Callable[[int], str],
) -> Listed:
    """In order; of equal ones the last counts. `where` names the field that one is from.

    Raises InvalidError for what is no prefix, and for what is allowed and denied.
    """
    _check_cut(prefixes, where)
    order = np.lexsort((255 - prefixes.cut, prefixes.low, prefixes.high))
    in_order = prefixes.take(order)
    same = in_order.same_as_next()
    both = same & (in_order.deny[:-1] != in_order.deny[1:])
    if both.any():
        i = int(both.argmax())
        first, second = (where(int(order[j])) for j in (i, i + 1))
        network, denied = next(iter(in_order.take(slice(i + 1, i + 2))))
        raise InvalidError(
            second,
            f"{network} is {'denied' if denied else 'allowed'} here, and not in {first}",
            hint="take one of them away",
        )
    last = np.append(~same, True)[: len(order)]
    kept = order[last]
    place = dict(zip(kept.tolist(), range(len(kept)), strict=True)) if comments else {}
    return Listed(
        prefixes=in_order.take(last),
        ttl=ttl[kept],
        comments={place[i]: text for i, text in comments.items() if i in place},
        where=lambda i: where(int(kept[i])),
    )


def _check_cut(prefixes: Prefixes, where: Callable[[int], str]) -> None:
    bad = prefixes.has_more_bits()
    if not bad.any():
        return
    i = int(bad.argmax())
    value, cut = int(prefixes.high[i]) << 64 | int(prefixes.low[i]), int(prefixes.cut[i])
    own = network_at(value, 0).network_address if cut <= 32 else IPv6Address(value)
    length = own.max_prefixlen - cut
    raise InvalidError(
        where(i),
        f"{own}/{length} has bits behind its length",
        hint=f"{ip_network((own, length), strict=False)} is the prefix, {own} the address",
    )
