"""accel demo: the whole gateway in namespaces of this machine."""

from __future__ import annotations

import argparse

from accel.cli.parser import Commands


def register(commands: Commands) -> None:
    """Add the command."""
    demo = commands.add_parser(
        "demo",
        help="the gateway at work in namespaces of this machine (needs root)",
        description="Builds a client, a router, a gateway and backends in network namespaces,"
        " sends real requests through them, and removes all of it again.",
    )
    demo.command(_demo)


def _demo(options: argparse.Namespace) -> int:
    from accel.lab.demo.acts import main

    return main([])
