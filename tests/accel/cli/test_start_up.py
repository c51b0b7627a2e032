"""What a start of the command line imports, and the table of its groups."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, cast

import pytest

from accel.cli.main import GROUPS, build, groups_of


@pytest.mark.parametrize("command", ["accel --help", "import accel.cli.main"])
def test_start_up_imports_nothing_heavy(command: str) -> None:
    run = "main(['--help'])" if "help" in command else "build()"
    script = (
        "import sys, contextlib\n"
        "from accel.cli.main import build, main\n"
        f"with contextlib.suppress(SystemExit): {run}\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = set(done.stderr.split())
    assert "accel.cli.main" in loaded
    heavy = {"bcc", "numpy", "scapy", "pyroute2", "grpc", "google.protobuf", "yaml", "asyncio"}
    assert loaded & heavy == set()


def test_version_imports_next_to_nothing() -> None:
    """What every call pays for: at most 25 modules of ours, and nothing that is slow to load."""
    script = (
        "import sys, contextlib\n"
        "from accel.cli.main import main\n"
        "with contextlib.suppress(SystemExit): main(['--version'])\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = set(done.stderr.split())
    assert done.stdout.startswith("accel ")
    assert len([name for name in loaded if name.split(".")[0] == "accel"]) <= 25
    assert not loaded & {"bcc", "grpc", "numpy", "yaml", "scapy", "pyroute2", "google.protobuf"}


def test_a_command_imports_its_own_group() -> None:
    """The table of groups names just the commands that their modules register."""
    everything = cast(Any, build())._subparsers._group_actions[0].choices
    found = []
    for group, commands in GROUPS.items():
        assert groups_of([commands[-1], "--help"]) == [group]
        registered = cast(Any, build([group]))._subparsers._group_actions[0].choices
        assert tuple(registered) == commands
        found += registered
    assert found == list(everything)
