"""accel explain: what would happen to a packet, and why."""

from __future__ import annotations

import argparse
import textwrap

from accel.cli import connect, parser
from accel.cli.endpoint import end, target
from accel.cli.explain.packet import describe
from accel.cli.parser import Commands
from accel.cli.rows import plain_backend
from accel.datapath.hints.outcomes import HintOutcome
from accel.model import plain_values
from accel.model.prefix import ttl_text
from accel.model.results.gateway import Explanation, Reached
from accel.model.results.hints import KnownHint
from accel.terminal import Table, blocks, emit, paint, plain

_ACTIONS = {
    "XDP_PASS": "it goes up this host's own stack",
    "XDP_DROP": "it is dropped",
    "XDP_TX": "it leaves by the interface that it came in by",
    "XDP_REDIRECT": "it leaves by the interface of the next hop",
}


def register(commands: Commands) -> None:
    """Add the command."""
    explain = commands.add_parser(
        "explain",
        help="what would happen to a packet, and why",
        description="Runs a packet through the loaded program, without a trace in its maps, and"
        " says what would happen to it and why.",
        epilog="examples:\n"
        "  accel explain --from 198.51.100.7:40000 --to api\n"
        "  accel explain --from '[2001:db8::7]:40000' --to '[2001:db8::1]:443/tcp' --syn",
    )
    explain.add_argument(
        "--from",
        dest="source",
        required=True,
        metavar="ADDR:PORT",
        help="the client; [ADDR]:PORT for IPv6",
    )
    parser.service(
        explain.add_argument(
            "--to",
            dest="target",
            required=True,
            metavar="SERVICE[:PORT]|ADDR:PORT/PROTOCOL",
            help="a service (with a port, if it is for any), or an address; tcp if not said",
        )
    )
    explain.add_argument(
        "--syn", action="store_true", help="TCP: the first SYN (default: a later packet)"
    )
    explain.command(_explain, prints=True).connects()


def _explain(options: argparse.Namespace) -> int:
    source = end(options.source, "--from")
    to = target(options.target, "--to")
    with connect.client(options) as client:
        found = client.explain(source, to, syn=options.syn)
        backend = client.backend(found.service, found.backend) if found.backend else None
    value = {
        **plain(found),
        "backend": plain_backend(backend) if backend else None,
        "packet_in_headers": describe(found.packet_in),
        "packet_out_headers": describe(found.packet_out),
    }
    emit(options.output, value, lambda: text(found, backend))
    return 0


def text(found: Explanation, backend: Reached | None) -> str:
    """For a person: the verdict, the facts, the steps, and the packets."""
    leaves = found.action in ("XDP_TX", "XDP_REDIRECT")
    packets = [_packet("The packet that comes in", found.packet_in)]
    if leaves:
        packets.append(_packet("The packet that leaves", found.packet_out))
    return blocks(
        (
            f"{paint(found.verdict, _colour(found))}: {found.meaning}",
            _facts(found, backend),
            _steps(found.steps),
            _hints(found.hints),
            *packets,
        )
    )


def _colour(found: Explanation) -> str:
    if found.verdict.startswith("forward"):
        return "green"
    return "red" if found.action == "XDP_DROP" else "yellow"


def _facts(found: Explanation, backend: Reached | None) -> str:
    facts = [("action", f"{found.action}: {_ACTIONS.get(found.action, '')}".rstrip(": "))]
    if found.service:
        facts.append(("service", found.service))
    if backend is not None:
        b = backend.backend
        facts.append(("backend", f"{b.name}, {b.address}, {plain(b.mode)}, {plain(b.state)}"))
        facts.append(("chosen by", _choice(found)))
    if found.interface:
        facts.append(("interface", found.interface))
    return "\n".join(f"  {name:<10} {value}" for name, value in facts)


def _choice(found: Explanation) -> str:
    if found.known_flow:
        return "the flow cache: the connection is known"
    if found.outcome:
        return f"{found.outcome}: {HintOutcome[found.outcome.upper()].meaning}"
    if found.ring_slot is not None:
        return f"slot {found.ring_slot} of the ring: the connection is not known"
    return "the connection that it quotes"


def _steps(steps: tuple[str, ...]) -> str:
    lines = [paint("Why", "bold")]
    for number, step in enumerate(steps, start=1):
        lines += textwrap.wrap(
            step, width=96, initial_indent=f"  {number}. ", subsequent_indent="     "
        )
    return "\n".join(lines) if steps else ""


def _hints(found: tuple[KnownHint, ...]) -> str:
    """What there is for the client, in the order in which it is asked."""
    rows = [
        (
            plain_values.word(hint.kind),
            hint.backend or "gone",
            "-" if hint.left is None else ttl_text(int(hint.left)) or "0s",
            "yes" if hint.require else "no",
            hint.refused or "-",
        )
        for hint in found
    ]
    return Table(("HINT", "BACKEND", "LEFT", "REQUIRE", "REFUSED"), rows).text() if rows else ""


def _packet(title: str, frame: bytes) -> str:
    lines = [paint(f"{title} ({len(frame)} bytes)", "bold")]
    lines += [f"  {name:<10} {what}" for name, what in describe(frame)]
    return "\n".join(lines)
