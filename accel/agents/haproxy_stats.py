"""What HAProxy's runtime API says of connections to its servers that are open and idle. Pure.

The columns are found by their names (HAProxy's management guide, 9.1 and 9.3): later versions may
add some. Seen on 2.6.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable

from accel.errors import HostError

COMMAND = "show servers conn;show stat -1 4 -1"  # of all proxies, all servers
_CONNECTIONS, _STATUS = "# bkname/svname ", "# pxname,svname,"  # how their headings begin
_MOST = 1 << 31  # counters without a lock may be below 0 for a moment, which looks like more


def warm_budget(answer: str, backends: Collection[str] = ()) -> int:
    """How many new flows would find a connection of a server that is up.

    Only those of these `backends` of HAProxy's, if any are named. Raises HostError if the answer is
    none to COMMAND, or lacks one of the backends.
    """
    connections, status = _parts(answer)
    up = {(row["pxname"], row["svname"]) for row in status if is_up(row["status"])}
    found = {row["bkname/svname"].partition("/")[0] for row in connections}
    for name in backends:
        if name not in found:
            raise HostError(
                f"HAProxy has no backend {name!r} with servers",
                hint=f"--haproxy-backend takes one of {', '.join(sorted(found)) or 'its backends'}",
            )
    budget = 0
    for row in connections:
        backend, _, server = row["bkname/svname"].partition("/")
        if (backend, server) in up and (not backends or backend in backends):
            idle = _number(row["idle_cur"])
            budget += idle if idle < _MOST else 0
    return budget


def is_up(status: str) -> bool:
    """Whether new requests go to a server: not while it is in MAINT, DRAIN, NOLB or DOWN.

    "UP 2/3" is one whose checks begin to fail, "DOWN 1/2" one that is not back yet.
    """
    return status.startswith("UP") or status == "no check"


def _parts(answer: str) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    lines = answer.splitlines()
    try:
        one = next(i for i, line in enumerate(lines) if line.startswith(_CONNECTIONS))
        two = next(i for i, line in enumerate(lines) if line.startswith(_STATUS))
    except StopIteration:
        raise garbage() from None
    rows = (line.split() for line in _block(lines[one:]))
    return _rows(rows, ("bkname/svname", "idle_cur")), _rows(
        csv.reader(_block(lines[two:])), ("pxname", "svname", "status")
    )


def _block(lines: list[str]) -> list[str]:
    """Up to the empty line that ends each answer."""
    if "" not in lines:
        raise garbage()
    return [lines[0].removeprefix("# "), *lines[1 : lines.index("")]]


def _rows(rows: Iterable[list[str]], wanted: Collection[str]) -> list[dict[str, str]]:
    heading, *entries = rows
    places = {name: heading.index(name) for name in wanted if name in heading}
    if len(places) < len(wanted):
        raise garbage()
    if any(len(entry) < len(heading) for entry in entries):
        raise garbage()
    return [{name: entry[at] for name, at in places.items()} for entry in entries]


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise garbage()
    return int(text)


def garbage() -> HostError:
    """Of what is no answer of HAProxy's."""
    return HostError(
        "the stats socket answers something else than HAProxy does",
        hint=f"ask it yourself: echo '{COMMAND}' | socat stdio unix-connect:PATH",
    )
