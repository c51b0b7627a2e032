"""accel drain: no new flows for a backend, and wait for its known ones to end."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from accel.cli import connect, parser, rows
from accel.cli.endpoint import backend_name
from accel.cli.exits import DIFFERENT, DONE
from accel.cli.parser import Commands
from accel.errors import NotFoundError
from accel.model.backend import State
from accel.terminal import Table, emit, note

if TYPE_CHECKING:
    from accel.client.client import Client

_POLL_SECONDS = 1.0


def register(commands: Commands) -> None:
    """Add the command."""
    drain = commands.add_parser(
        "drain",
        help="give a backend no new flows; its known ones stay",
        description="Give a backend no new flows; its known ones stay until they end.",
        epilog="example:\n  accel drain api/b1 --wait 300 && accel backend remove api/b1",
    )
    parser.backend(drain.add_argument("name", metavar="SERVICE/BACKEND"))
    what = drain.add_mutually_exclusive_group()
    what.add_argument("--undo", action="store_true", help="give it new flows again")
    what.add_argument(
        "--wait",
        type=parser.seconds,
        metavar="SECONDS",
        help=f"until it has no known flows; exit {DIFFERENT} if it still has some then",
    )
    drain.command(_drain, writes=True, prints=True).connects()


def _drain(options: argparse.Namespace) -> int:
    service, name = backend_name(options.name)
    with connect.client(options) as client:
        reached = client.update_backend(
            service,
            name,
            state=State.UP if options.undo else State.DRAIN,
            expected_revision=options.expected_revision,
            validate_only=options.dry_run,
        )
        if options.dry_run:
            note("dry run: nothing was changed")
            return DONE
        if options.wait is not None:
            flows = _wait(client, service, name, options.wait)
        else:
            flows = known_flows(client, service, name)
    row = (options.name, reached.backend.state.name.lower(), flows)
    emit(
        options.output,
        {**rows.plain_backend(reached), "known_flows": flows},
        Table(("NAME", "STATE", "KNOWN FLOWS"), [row]).text,
    )
    if options.wait is not None and flows:
        note(f"hint: wait longer, or end them: accel backend set {options.name} --state down")
        return DIFFERENT
    return DONE


def _wait(client: Client, service: str, name: str, seconds: float) -> int:
    """The flows that are left, 0 or after that time."""
    end = time.monotonic() + seconds
    said = -1
    while True:
        flows = known_flows(client, service, name)
        left = end - time.monotonic()
        if not flows or left <= 0:
            return flows
        if flows != said:
            note(f"{service}/{name}: {flows} known flows left")
            said = flows
        time.sleep(min(_POLL_SECONDS, left))


def known_flows(client: Client, service: str, name: str) -> int:
    """Flows of a backend in the flow cache. Raises NotFoundError."""
    for of in client.stats(service).services:
        for backend in of.backends:
            if backend.backend == name:
                return backend.known_flows
    raise NotFoundError("backend", f"{service}/{name}", hint="it was removed meanwhile")
