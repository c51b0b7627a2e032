"""accel apply, diff, export and schema: the whole desired state as a file."""

from __future__ import annotations

import argparse

from accel.cli import connect, parser
from accel.cli.config import changes
from accel.cli.exits import DIFFERENT, DONE
from accel.cli.parser import Commands, Parser
from accel.config import configuration
from accel.errors import InvalidError
from accel.model.desired import Desired
from accel.model.results.gateway import Change
from accel.terminal import emit, note


def register(commands: Commands) -> None:
    """Add the commands."""
    apply = commands.add_parser(
        "apply",
        help="make the gateway what a file says",
        description="Make the gateway what a file says, in one transaction.",
        epilog="example:\n  accel apply -f gateway.yaml --prune --dry-run",
    )
    _file(apply)
    apply.command(_apply, writes=True, prints=True).connects()

    diff = commands.add_parser(
        "diff",
        help="what apply would change",
        description=f"What apply would change. Exit 0: nothing; {DIFFERENT}: something.",
    )
    _file(diff)
    diff.command(_diff, prints=True).connects()

    export = commands.add_parser(
        "export", help="print what the gateway has, in the form that apply reads"
    )
    export.command(_export).connects()

    schema = commands.add_parser("schema", help="print the JSON schema of that file")
    schema.command(_schema)


def _file(to: Parser) -> None:
    parser.file(
        to.add_argument(
            "-f", "--file", required=True, metavar="FILE", help="YAML; - for standard input"
        )
    )
    to.add_argument("--prune", action="store_true", help="delete what the file does not name")


def _apply(options: argparse.Namespace) -> int:
    made, revision = _asked(
        options, validate_only=options.dry_run, expected_revision=options.expected_revision
    )
    _show(options, made, revision, planned=options.dry_run)
    return DONE


def _diff(options: argparse.Namespace) -> int:
    made, revision = _asked(options, validate_only=True, expected_revision=0)
    _show(options, made, revision, planned=True)
    return DIFFERENT if made else DONE


def _asked(
    options: argparse.Namespace, *, validate_only: bool, expected_revision: int
) -> tuple[list[Change], int]:
    document = configuration.load(options.file)
    try:
        with connect.client(options) as client:
            return client.apply(
                document.desired.services.values(),
                document.desired.backends.values(),
                prune=options.prune,
                expected_revision=expected_revision,
                validate_only=validate_only,
            )
    except InvalidError as error:
        raise document.locate(error) from None


def _show(options: argparse.Namespace, made: list[Change], revision: int, *, planned: bool) -> None:
    plain = {"revision": revision, "changes": [changes.as_plain(change) for change in made]}
    if made or options.output != "table":
        emit(options.output, plain, lambda: "\n".join(map(changes.line, made)))
    note(changes.summary(made, planned=planned))


def _export(options: argparse.Namespace) -> int:
    with connect.client(options) as client:
        services, _ = client.services()
        backends, _ = client.backends()
    desired = Desired(
        services={service.name: service for service in services},
        backends={reached.backend.key: reached.backend for reached in backends},
    )
    print(configuration.dumps(desired), end="")
    return DONE


def _schema(options: argparse.Namespace) -> int:
    print(configuration.SCHEMA.read_text(), end="")
    return DONE
