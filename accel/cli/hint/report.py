"""accel hint report: what hints bring, told from flows of a holdout group."""

from __future__ import annotations

import argparse

from accel.cli import connect, parser
from accel.cli.hint import report_text
from accel.cli.parser import Commands
from accel.model.address import check_name
from accel.terminal import emit


def register(commands: Commands) -> None:
    """Add the command."""
    report = commands.add_parser(
        "report",
        help="what hints bring: flows that follow them against a holdout group",
        description="Compare sampled flows of clients that hints are used for with those of clients"
        " that they are not used for (the holdout group): how many offer to resume a TLS session,"
        " how long they take to set up, what the client sends until its handshake is over. Each"
        " difference is given with the interval that has the true one with 95 % confidence.",
        epilog="more flows, sooner:\n  accel hint set api --sample 10 --holdout 5",
    )
    parser.service(report.add_argument("service", metavar="SERVICE"))
    report.add_argument(
        "--reset", action="store_true", help="begin anew, once this report is given"
    )
    report.command(_report, prints=True).connects()


def _report(options: argparse.Namespace) -> int:
    check_name(options.service, "SERVICE")
    with connect.client(options) as client:
        found = client.hint_report(options.service, reset=options.reset)
    emit(options.output, found, lambda: report_text.text(found))
    return 0
