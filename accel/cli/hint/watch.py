"""accel hint watch: hints as they come and go."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from accel.cli import parser
from accel.cli.hint import refused
from accel.cli.parser import Commands
from accel.model.address import check_name
from accel.model.prefix import ttl_text
from accel.terminal import emit_each, paint

if TYPE_CHECKING:
    from accel.client.hints import HintNews

_COLOURS = {"set": "green", "removed": "red", "expired": "faint"}


def register(commands: Commands) -> None:
    """Add the command."""
    watch = commands.add_parser("watch", help="hints as they come and go, until Ctrl-C")
    parser.service(
        watch.add_argument(
            "service", nargs="?", default="", metavar="SERVICE", help="only those of it"
        )
    )
    watch.command(_watch, prints=True).connects()


def _watch(options: argparse.Namespace) -> int:
    if options.service:
        check_name(options.service, "SERVICE")
    with refused.client(options) as client:
        for news in client.watch_hints(options.service):
            emit_each(options.output, news, _line(news))
    return 0


def _line(news: HintNews) -> str:
    line = f"{news.what:7}  {news.service}  {news.client}"
    if news.hint:
        line += f"  to {news.hint.backend} for {ttl_text(news.hint.left) or '0s'}"
        line += f", by {news.hint.caller}"
    return paint(line, _COLOURS[news.what])
