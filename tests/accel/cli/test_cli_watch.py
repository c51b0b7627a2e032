"""watch and stats --watch, until they are ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from accel.cli import connect
from tests.support.cli.commands import Accel


def _spawned(socket: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "accel.cli.main", *arguments],
        env={**os.environ, connect.ENVIRONMENT: str(socket)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_watch_from_a_revision_until_ctrl_c(applied: Accel, socket: Path) -> None:
    watching = _spawned(socket, "watch", "--from-revision", "1")
    assert watching.stdout is not None
    first = [watching.stdout.readline() for _ in range(5)]
    assert first[0] == "     2  + service api  203.0.113.10:443/tcp\n"
    applied("backend", "set", "api/a", "--weight", "7")
    assert watching.stdout.readline() == "     3  ~ backend api/a  weight 100 -> 7\n"
    watching.send_signal(signal.SIGINT)
    _, err = watching.communicate(timeout=30)
    assert (watching.returncode, err) == (130, "")


def test_watch_prints_a_line_of_json_for_each_event(applied: Accel, socket: Path) -> None:
    watching = _spawned(socket, "watch", "--from-revision", "1", "-o", "json")
    assert watching.stdout is not None
    event = json.loads(watching.stdout.readline())
    watching.send_signal(signal.SIGINT)
    watching.communicate(timeout=30)
    assert (event["revision"], event["change"]["kind"]) == (2, "created")


def test_watch_says_that_a_revision_is_not_kept(accel: Accel) -> None:
    unknown = accel("watch", "--from-revision", "1000", code=9)
    assert unknown.err.startswith("accel: ")
    assert "\nhint: " in unknown.err


def test_stats_watch_until_ctrl_c(applied: Accel, socket: Path) -> None:
    watching = _spawned(socket, "stats", "--watch", "--interval", "0.1", "-o", "json")
    assert watching.stdout is not None
    first, second = (json.loads(watching.stdout.readline()) for _ in range(2))
    watching.send_signal(signal.SIGINT)
    watching.communicate(timeout=30)
    assert watching.returncode == 130
    for stats in (first, second):
        # The fake's counters stand still: what is printed are rates, not counts.
        assert stats["gateway"] == [{"verdict": "not_service", "packets": 0, "bytes": 0}]
        assert stats["services"][0]["backends"][0]["known_flows"] == 1


def test_a_reader_that_goes_away_is_no_error(applied: Accel, socket: Path) -> None:
    watching = _spawned(socket, "stats", "--watch", "--interval", "0.1", "-o", "json")
    assert watching.stdout is not None
    watching.stdout.readline()
    watching.stdout.close()
    assert watching.wait(timeout=30) == 141
    assert watching.stderr is not None
    assert watching.stderr.read() == ""
