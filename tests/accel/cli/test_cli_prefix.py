"""accel prefix against a gateway on a real socket."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from accel.cli import connect
from accel.cli.main import main
from tests.support.daemon.here import Here

Accel = Callable[..., tuple[str, str]]


@pytest.fixture
def accel(here: Here, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Accel:
    """Runs `accel prefix …` in this process; what it prints."""
    monkeypatch.setenv(connect.ENVIRONMENT, str(here.socket))

    def run(*arguments: str, code: int = 0) -> tuple[str, str]:
        got = main(["prefix", *arguments])
        out, err = capsys.readouterr()
        assert got == code, f"exit {got}: {out}{err}"
        return out, err

    return run


def test_added_listed_looked_up_and_removed(accel: Accel) -> None:
    added = accel("add", "10.0.0.0/8", "2001:db8::/32", "--deny", "--comment", "noise")
    assert added == ("", "2 denied, 2 in all\n")
    assert accel("add", "10.1.0.0/16", "--allow") == ("", "1 allowed, 3 in all\n")
    out, err = accel("list")
    assert [line.split() for line in out.splitlines()] == [
        ["ACTION", "PREFIX", "UNTIL", "COMMENT"],
        ["deny", "10.0.0.0/8", "noise"],
        ["allow", "10.1.0.0/16"],
        ["deny", "2001:db8::/32", "noise"],
    ]
    assert err == ""
    assert accel("lookup", "10.1.2.3")[0].startswith("10.1.2.3 is allowed, by 10.1.0.0/16\n")
    assert accel("lookup", "10.2.2.3")[0].startswith("10.2.2.3 is denied, by 10.0.0.0/8\n")
    assert accel("lookup", "::1") == ("::1 is neither allowed nor denied\n", "")
    found = json.loads(accel("lookup", "10.1.2.3", "-o", "json")[0])
    assert [(p["action"], p["prefix"]) for p in found["prefixes"]] == [
        ("allow", "10.1.0.0/16"),
        ("deny", "10.0.0.0/8"),
    ]
    assert accel("remove", "10.0.0.0/8", "--dry-run")[1].startswith("dry run, nothing was changed")
    assert accel("remove", "10.0.0.0/8", "10.1.0.0/16") == ("", "2 removed, 1 left\n")


def test_what_is_listed_as_text_can_be_loaded(accel: Accel, tmp_path: Path) -> None:
    accel("add", "10.0.0.0/8", "--deny", "--for", "2h", "--comment", "why")
    accel("add", "2001:db8::/32", "--allow")
    text, _ = accel("list", "-o", "text")
    first, second = text.splitlines()
    assert first.startswith("deny 10.0.0.0/8 for 1h59m")
    assert first.endswith("  # why")
    assert second == "allow 2001:db8::/32"
    path = tmp_path / "list"
    path.write_text(text + "deny 192.0.2.1\n")
    assert accel("load", "-f", str(path), "--replace")[1] == "3 loaded, 3 in all\n"
    known = json.loads(accel("list", "-o", "json")[0])
    assert [p["prefix"] for p in known] == ["10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32"]
    assert [bool(p["until"]) for p in known] == [True, False, False]


def test_a_published_list_from_standard_input(
    accel: Accel, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = io.TextIOWrapper(io.BytesIO(b"; drop\n192.0.2.0/24 ; SBL1\n198.51.100.7\n"))
    monkeypatch.setattr(sys, "stdin", published)
    assert accel("load", "-f", "-", "--deny", "--for", "26h") == ("", "2 loaded, 2 in all\n")
    assert "SBL1" in accel("list")[0]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["add", "10.0.0.0/8"], 2, "--deny --allow"),
        (["add", "10.0.0.1/8", "--deny"], 2, "10.0.0.0/8 is the prefix, 10.0.0.1 the address"),
        (["add", "10.0.0.0/8", "--deny", "--for", "2y"], 2, "write it as 90s, 30m, 2h, 7d"),
        (["add", "192.0.2.0/24", "--allow"], 2, "accel prefix remove 192.0.2.0/24"),
        (["remove", "10.0.0.0/8"], 3, "no prefix '10.0.0.0/8'"),
        (["lookup", "10.0.0.0/8"], 2, "without a prefix length"),
        (["load", "-f", "/nowhere/list"], 2, "cannot be read: No such file or directory"),
    ],
)
def test_refused(accel: Accel, arguments: list[str], code: int, said: str) -> None:
    accel("add", "192.0.2.0/24", "--deny")
    assert said in accel(*arguments, code=code)[1]
    assert json.loads(accel("list", "-o", "json")[0])[0]["prefix"] == "192.0.2.0/24"


def test_a_bad_line_is_named_with_its_file(accel: Accel, tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_text("deny 10.0.0.0/8\n\n10.0.0.0/33\n")
    _, err = accel("load", "-f", str(path), "--deny", code=2)
    assert err.splitlines() == [
        f"accel: {path} line 3: '10.0.0.0/33' is longer than an address: /32 at the most",
        "hint: write it as: deny 192.0.2.0/24 for 2h # why",
    ]
    assert accel("list")[1] == "no prefixes: accel prefix add, or accel prefix load -f FILE\n"
