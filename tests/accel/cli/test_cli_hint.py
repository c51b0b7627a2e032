"""accel hint add, remove, list, lookup, load and watch against a gateway on a real socket."""

from __future__ import annotations

import io
import json
import sys
import threading
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

import pytest

from accel.cli import connect
from accel.cli.main import main
from accel.config.hint_text import HINTS, Reader, lines_of
from accel.control.hints.pushed.put_plan import Quotas
from accel.datapath.hints.admission import Candidate, Refusal
from accel.datapath.hints.values import Seen, Standing
from accel.model.hints import Kind
from accel.model.placement import Limits
from tests.support.daemon.here import Here
from tests.support.daemon.hinted import apply, batch, hint, listed
from tests.support.daemon.objects import web

Accel = Callable[..., tuple[str, str]]


@pytest.fixture
def limits() -> Limits:
    return Limits(services=8, backends=16, hints=256)


@pytest.fixture
def here(folder: Path, limits: Limits):  # type: ignore[no-untyped-def]
    gateway = Here(folder, limits, quotas=Quotas(service=200))
    gateway.stub.Apply(web())
    yield gateway
    gateway.close()


@pytest.fixture
def accel(here: Here, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Accel:
    """Runs `accel hint …` in this process; what it prints."""
    monkeypatch.setenv(connect.ENVIRONMENT, str(here.socket))

    def run(*arguments: str, code: int = 0) -> tuple[str, str]:
        got = main(["hint", *arguments])
        out, err = capsys.readouterr()
        assert got == code, f"exit {got}: {out}{err}"
        return out, err

    return run


def test_added_listed_and_removed(accel: Accel) -> None:
    assert accel("add", "web", "10.0.0.1", "b1", "--for", "2h", "--require") == ("", "")
    accel("add", "web", "10.1.0.0/16", "b2", "--longest", "50m", "--for", "50m")
    out, err = accel("list")
    assert [line.split() for line in out.splitlines()] == [
        ["SERVICE", "CLIENT", "BACKEND", "BOUND", "CALLER", "LEFT"],
        ["web", "10.0.0.1", "b1", "any", "local", "2h"],
        ["web", "10.1.0.0/16", "b2", "local", "50m"],
    ]
    assert err == ""
    assert [h["client"] for h in json.loads(accel("list", "web/b2", "-o", "json")[0])] == [
        "10.1.0.0/16"
    ]
    assert accel("remove", "web", "10.0.0.1", "10.1.0.0/16", "10.9.9.9") == ("", "2 removed\n")
    assert "no hints" in accel("list")[1]


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("add", "web", "10.0.0.1", "b9"), 3, "no backend 'web/b9'"),
        (("add", "api", "10.0.0.1", "b1"), 3, "no service 'api'"),
        (("add", "web", "10.0.0.256", "b1"), 2, "CLIENT: '10.0.0.256' is not an IPv4 or IPv6"),
        (("add", "web", "10.0.0.1/8", "b1"), 2, "has bits behind its length"),
        (("add", "web", "10.0.0.1", "b1", "--for", "2d"), 2, "more than a day"),
        (("add", "web", "10.0.0.1", "b1", "--for", "2h", "--longest", "1h"), 2, "lives at the"),
        (("list", "api"), 3, "no service 'api'"),
        (("list", "web/b9"), 3, "no backend 'web/b9'"),
        (("lookup", "web", "10.0.0.0/8"), 2, "CLIENT"),
        (("remove", "web", "nobody"), 2, "CLIENT"),
        (("watch", "api"), 3, "no service 'api'"),
    ],
)
def test_what_is_wrong_is_one_line_and_a_code(
    accel: Accel, arguments: tuple[str, ...], code: int, text: str
) -> None:
    out, err = accel(*arguments, code=code)
    assert out == ""
    assert text in err


def test_looked_up(accel: Accel, here: Here) -> None:
    number = here.state.placement.backends.taken["web", "b1"]
    seen = Seen(number=number.number, generation=number.generation, require=True, seconds=90)
    client = ip_address("10.0.0.1")
    here.data_path.hints.known[1, client] = [
        Candidate(
            kind=Kind.PUSHED,
            seen=seen,
            refused=Refusal.DOWN,
            standing=Standing(flows=0, limit=None, warm=None),
        )
    ]
    out, _ = accel("lookup", "web", "10.0.0.1")
    assert [line.split() for line in out.splitlines()] == [
        ["KIND", "BACKEND", "BOUND", "LEFT", "PASSED", "OVER"],
        ["pushed", "b1", "any", "1m30s", "down"],
    ]
    here.data_path.hints.held.add(client)
    assert accel("lookup", "web", "10.0.0.1")[0].startswith("10.0.0.1 is of the holdout group")
    assert accel("lookup", "web", "10.0.0.2") == ("there is no hint for 10.0.0.2\n", "")


TEXT = """# hints
web 10.0.0.1 b1
  web 2001:db8::1 b2 for 2h   # why not
web 10.1.0.0/16 b2 require

web 10.0.0.1 b2 for 90s require
"""


def test_a_text_is_loaded(accel: Accel, here: Here, tmp_path: Path) -> None:
    path = tmp_path / "hints"
    path.write_text(TEXT)
    assert accel("load", "-f", str(path), "--for", "30m") == ("", "3 set\n")
    out, _ = accel("list", "-o", "text")
    assert sorted(out.splitlines()) == [
        "web 10.0.0.1 b2 for 90s require",
        "web 10.1.0.0/16 b2 for 1800s require",
        "web 2001:db8::1 b2 for 7200s",
    ]
    path.write_text(out)
    accel("remove", "web", "10.0.0.1", "2001:db8::1", "10.1.0.0/16")
    assert accel("load", "-f", str(path)) == ("", "3 set\n")
    assert sorted(accel("list", "-o", "text")[0].splitlines()) == sorted(out.splitlines())


def test_wrong_lines_are_named_and_keep_nobody_out(
    accel: Accel, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [
        "web 10.0.0.1 b1",
        "web 10.0.0.2 b9",
        "web",
        "web 10.0.0.300 b1",
        "api 10.1.0.0/16 b1",
        "web 10.0.0.3 b1 for ever",
        "web 10.0.0.4 b9",
        "web 10.0.0.5/8 b1",
        "web " + "x" * 3000,
        "web 10.0.0.6 b1 for 2d",
        "web 10.0.0.7 b1",
    ]
    given = io.TextIOWrapper(io.BytesIO("\n".join(lines).encode()))
    monkeypatch.setattr(sys, "stdin", given)
    out, err = accel("load", "-f", "-", code=2)
    assert out == ""
    named = {
        int(line.split(":")[0].removeprefix("- line ")): line
        for line in err.splitlines()
        if line.startswith("- line ")
    }
    assert sorted(named) == [2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert "no backend 'web/b9'" in named[2]
    assert "no service 'api'" in named[5]
    assert "write it as: SERVICE CLIENT BACKEND" in named[3]
    assert err.endswith("2 set, 9 refused\n")
    assert listed(here) == {"10.0.0.1": "b1", "10.0.0.7": "b1"}


def test_of_what_is_too_much_a_hundred_are_named(accel: Accel, here: Here, tmp_path: Path) -> None:
    path = tmp_path / "hints"
    path.write_text("".join(f"web 10.0.{n >> 8}.{n & 255} b1\n" for n in range(450)))
    _, err = accel("load", "-f", str(path), code=6)
    assert f"{path} line 201: the service has its 200 hints" in err
    assert err.count("line ") == 100
    assert err.endswith("... and 150 more\n200 set, 250 refused\n")


def test_an_empty_text_sets_nothing(accel: Accel, tmp_path: Path) -> None:
    path = tmp_path / "hints"
    path.write_text("# nothing\n")
    assert accel("load", "-f", str(path)) == ("", "0 set\n")
    assert "cannot be read" in accel("load", "-f", str(tmp_path / "none"), code=2)[1]


def test_a_long_text_goes_in_many_requests() -> None:
    text = b"".join(b"web 10.%d.%d.%d b%d\n" % (n >> 16, n >> 8 & 255, n & 255, n % 3)
                    for n in range(2 * HINTS + 5))  # fmt: skip
    requests = list(Reader().requests(lines_of(io.BytesIO(text))))
    assert [len(r.lines) for r in requests] == [HINTS, HINTS, 5]
    assert sorted(line for r in requests for line in r.lines) == list(range(1, 2 * HINTS + 6))
    first = requests[0]
    for packed, lines in zip(first.message.batches, first.batches, strict=True):
        assert len(packed.ipv4) == 4 * len(lines)
        assert packed.ipv4[:4] == (0x0A000000 + lines[0] - 1).to_bytes(4, "big")


def test_watched(accel: Accel, here: Here) -> None:
    def push() -> None:
        while not len(here.hints.book.hub):
            pass
        apply(here, hint("10.0.0.1"), caller="me")
        apply(here, batch(["10.0.0.2"], "b2", lifetime={"seconds": 90}))
        here.run(here.hints.book.hub.close)

    pusher = threading.Thread(target=push)
    pusher.start()
    out, _ = accel("watch", code=8)
    pusher.join()
    assert out.splitlines() == [
        "set      web  10.0.0.1  to b1 for 1h, by me",
        "set      web  10.0.0.2  to b2 for 1m30s, by local",
    ]
