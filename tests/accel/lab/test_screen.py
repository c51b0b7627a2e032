"""What the demo draws: as wide as the terminal is, whatever colours take."""

from __future__ import annotations

import io

import pytest

from accel.lab.demo.screen import Screen

BOLD = "\x1b[1mphase\x1b[0m"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")


@pytest.mark.parametrize(
    ("line", "drawn"),
    [
        ("short", "short"),
        ("x" * 19, "x" * 19),
        ("x" * 20, "x" * 19),
        (f"{BOLD} {'x' * 13}", f"{BOLD} {'x' * 13}"),
        (f"{BOLD} {'x' * 14}", f"phase {'x' * 13}"),
    ],
)
def test_a_line_is_as_wide_as_the_terminal(line: str, drawn: str) -> None:
    terminal = Terminal()
    Screen(terminal).draw([line], summary="", now=True)
    assert terminal.getvalue() == f"\x1b[2K{drawn}\n"


def test_the_next_drawing_is_in_the_place_of_the_last_one() -> None:
    terminal = Terminal()
    screen = Screen(terminal)
    screen.draw(["a", "b"], summary="", now=True)
    screen.draw(["c", "d", "e"], summary="", now=True)
    assert terminal.getvalue().endswith("\x1b[2F\x1b[2Kc\n\x1b[2Kd\n\x1b[2Ke\n")


def test_without_a_terminal_there_is_a_line_now_and_then() -> None:
    stream = io.StringIO()
    screen = Screen(stream)
    for number in range(3):
        screen.draw(["a"], summary=f"{number} requests")
    assert stream.getvalue() == "         0 requests\n"
