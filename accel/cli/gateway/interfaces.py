"""accel attach, detach and status."""

from __future__ import annotations

import argparse

from accel.cli import connect, parser
from accel.cli.parser import Commands
from accel.model.results.gateway import Status
from accel.terminal import Table, amount, blocks, emit, note, size


def register(commands: Commands) -> None:
    """Add the commands."""
    attach = commands.add_parser(
        "attach",
        help="run the program on an interface",
        description="Run the program on an interface: in the driver (native), or else, with a"
        " warning, in the kernel's generic hook.",
    )
    parser.interface(attach.add_argument("interface", metavar="IFACE"))
    attach.add_argument(
        "--mode",
        choices=("native", "generic"),
        help="only this one (default: native, or else generic)",
    )
    attach.command(_attach, prints=True).connects()

    detach = commands.add_parser("detach", help="take the program off an interface")
    parser.interface(detach.add_argument("interface", metavar="IFACE"))
    detach.command(_detach).connects()

    status = commands.add_parser("status", help="the daemon, its interfaces and its maps")
    status.command(_status, prints=True).connects()


def _attach(options: argparse.Namespace) -> int:
    with connect.client(options) as client:
        attached, warning = client.attach(options.interface, mode=options.mode or "auto")
    if warning:
        note(f"warning: {warning}")
    row = (attached.interface, attached.xdp_mode)
    emit(options.output, attached, Table(("INTERFACE", "MODE"), [row]).text)
    return 0


def _detach(options: argparse.Namespace) -> int:
    with connect.client(options) as client:
        client.detach(options.interface)
    note(f"detached from {options.interface}")
    return 0


def _status(options: argparse.Namespace) -> int:
    with connect.client(options) as client:
        status = client.status()
    emit(options.output, status, lambda: _text(status))
    if not status.attachments:
        note("hint: no packet is seen yet: accel attach IFACE")
    return 0


def _text(status: Status) -> str:
    facts = [
        ("version", status.version),
        ("up", duration(status.uptime_seconds)),
        ("revision", str(status.revision)),
        ("maps", status.pin_path or "not pinned"),
        ("adopted", "yes, of an earlier daemon" if status.adopted else "no, made anew"),
    ]
    interfaces = [(a.interface, a.xdp_mode) for a in status.attachments]
    maps = [
        (m.map, amount(m.used), amount(m.limit), f"{_percent(m.used, m.limit)}%", size(m.bytes))
        for m in status.capacities
    ]
    return blocks(
        (
            "\n".join(f"{name:<9} {value}" for name, value in facts),
            Table(("INTERFACE", "MODE"), interfaces).text() if interfaces else "no interfaces",
            Table(("MAP", "USED", "LIMIT", "FULL", "MEMORY"), maps).text() if maps else "",
        )
    )


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else "0.0"


def duration(seconds: int) -> str:
    """As in "2d 3h", "3h 5m", "5m 7s" or "7s": the two greatest units."""
    parts: list[str] = []
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        if seconds >= length or (unit == "s" and not parts):
            parts.append(f"{seconds // length}{unit}")
            seconds %= length
    return " ".join(parts[:2])
