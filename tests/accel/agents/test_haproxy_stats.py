"""What HAProxy's runtime API says, from the answer of a real HAProxy 2.6: haproxy-2.6.txt.

There app/s1 and app/s2 are UP with four idle connections each, app/s3 is DOWN, app/s4 in MAINT,
other/web1 is without checks with four, and other/web2 in DRAIN with four.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from accel.agents.haproxy_stats import is_up, warm_budget
from accel.errors import HostError

ANSWER = Path(__file__).with_name("haproxy-2.6.txt").read_text()


@pytest.mark.parametrize(
    ("backends", "expected"), [((), 12), (("app",), 8), (("other",), 4), (("other", "app"), 12)]
)
def test_idle_connections_to_servers_that_are_up_count(
    backends: tuple[str, ...], expected: int
) -> None:
    assert warm_budget(ANSWER, backends) == expected


def test_only_their_status_is_in_the_way_of_others() -> None:
    drained = ANSWER.replace(",DRAIN,", ",UP,")
    assert drained != ANSWER
    assert warm_budget(drained) == 16


@pytest.mark.parametrize(
    ("status", "up"),
    [
        ("UP", True),
        ("UP 2/3", True),
        ("no check", True),
        ("DOWN", False),
        ("DOWN 1/2", False),
        ("DOWN (agent)", False),
        ("NOLB", False),
        ("NOLB 1/2", False),
        ("MAINT", False),
        ("MAINT (via app/s1)", False),
        ("MAINT (resolution)", False),
        ("DRAIN", False),
        ("DRAIN (agent)", False),
    ],
)
def test_status(status: str, up: bool) -> None:
    assert is_up(status) == up


def test_columns_are_found_by_their_names() -> None:
    """As later versions have them: HAProxy 2.9 added one."""
    lines = [
        line.replace(" - ", " - 77 ", 1) if "/" in line and not line.startswith("# p") else line
        for line in ANSWER.splitlines()
    ]
    lines = [line.replace(" - 77 purge_delay", " - served purge_delay") for line in lines]
    assert any("served" in line for line in lines)
    assert warm_budget("\n".join(lines) + "\n") == 12


def test_a_counter_below_zero_is_none() -> None:
    odd = ANSWER.replace("4 0 -1 4 2 2\napp/s2", "4 0 -1 4294967295 2 2\napp/s2")
    assert odd != ANSWER
    assert warm_budget(odd) == 8


def test_a_backend_that_is_not_there_is_named() -> None:
    with pytest.raises(HostError, match=r"no backend 'web' .*one of app, other"):
        warm_budget(ANSWER, ["app", "web"])


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "\n",
        "Unknown command, but maybe one of the following ones is a better match:\n",
        "Permission denied\n",
        "HTTP/1.1 400 Bad request\r\n\r\n",
        ANSWER.replace("idle_cur", "idle"),
        ANSWER.replace("status", "state"),
        ANSWER.replace("-1 4 2 2", "-1 four 2 2"),
        ANSWER.replace("-1 4 2 2", "-1"),
        ANSWER.replace("0,UP,1,1", "0"),
        *(ANSWER[:length] for length in range(0, len(ANSWER.rstrip()), 97)),
    ],
)
def test_garbage_is_told(answer: str) -> None:
    with pytest.raises(HostError, match="something else than HAProxy"):
        warm_budget(answer)
