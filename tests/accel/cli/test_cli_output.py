"""What is printed, with a client that answers from memory."""

from __future__ import annotations

import io
import json
import sys

import pytest
import yaml

from accel.cli.config import changes
from accel.cli.explain import commands
from accel.cli.gateway.stats import rates, text
from accel.cli.main import main
from accel.model.address import parse_address
from accel.model.backend import Backend, Mode, State
from accel.model.guard import UNGUARDED
from accel.model.hints import UNHINTED
from accel.model.results.gateway import (
    BackendStats,
    Change,
    ChangeKind,
    Count,
    Explanation,
    Hop,
    Reached,
    ServiceStats,
    Stats,
)
from accel.model.service import Protocol, Service
from accel.terminal import Table, plain, size

API = Service(
    name="api",
    address=parse_address("203.0.113.10", ""),
    port=443,
    protocol=Protocol.TCP,
    revision=7,
)
FOUND = Hop(resolved=True, interface="eth1", mac="02:00:00:00:00:02", mtu=1500)
LOST = Hop(resolved=False, problem="nobody answers")


def backend(name: str, *, hop: Hop = FOUND, state: State = State.UP, weight: int = 100) -> Reached:
    return Reached(
        backend=Backend(
            service="api",
            name=name,
            address=parse_address("10.0.0.11", ""),
            mode=Mode.GUE,
            state=state,
            weight=weight,
        ),
        hop=hop,
    )


class FakeClient:
    """The calls that `service list` and `backend list` make."""

    def __enter__(self) -> FakeClient:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def services(self) -> tuple[list[Service], int]:
        return [API], 9

    def backends(self, service: str = "") -> tuple[list[Reached], int]:
        return [backend("a"), backend("long-name", hop=LOST, state=State.DRAIN, weight=5)], 9


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accel.cli.connect.client", lambda options: FakeClient())


LIST = """\
NAME           ADDRESS    MODE      WEIGHT  STATE  NEXT HOP
api/a          10.0.0.11  gue:6080     100  up     eth1 02:00:00:00:00:02 mtu 1500
api/long-name  10.0.0.11  gue:6080       5  drain  none: nobody answers
"""


@pytest.mark.usefixtures("fake")
def test_a_table_is_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backend", "list"]) == 0
    out, err = capsys.readouterr()
    assert (out, err) == (LIST, "")


@pytest.mark.usefixtures("fake")
def test_json_and_yaml_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backend", "list", "-o", "json"]) == 0
    as_json = json.loads(capsys.readouterr().out)
    assert main(["backend", "list", "-o", "yaml"]) == 0
    assert yaml.safe_load(capsys.readouterr().out) == as_json
    assert as_json["revision"] == 9
    assert as_json["backends"][1]["state"] == "drain"
    assert as_json["backends"][1]["next_hop"]["problem"] == "nobody answers"
    assert main(["service", "list", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["services"] == [
        {
            "name": "api",
            "address": "203.0.113.10",
            "port": 443,
            "protocol": "tcp",
            "ring_size": 65537,
            "guard": plain(UNGUARDED),
            "hints": plain(UNHINTED),
            "revision": 7,
        }
    ]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize(
    ("variables", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colours(
    variables: dict[str, str], coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    assert main(["backend", "list"]) == 0
    printed = terminal.getvalue()
    assert ("\x1b[33mdrain\x1b[0m" in printed) == coloured
    without = printed
    for code in ("0", "1", "32", "33"):
        without = without.replace(f"\x1b[{code}m", "")
    assert without == LIST  # colours do not shift columns


def test_columns_of_numbers_stand_to_the_right() -> None:
    table = Table(("A", "B", "C"), [("x", 1, "9.5%"), ("yy", 1000, "10.0%")])
    assert table.text() == "A      B      C\nx      1   9.5%\nyy  1000  10.0%"
    assert Table(("A", "B"), []).text() == "A  B"
    assert Table(("ADDRESS", "B"), [("10.0.0.1", "-")]).text() == "ADDRESS   B\n10.0.0.1  -"


@pytest.mark.parametrize(
    ("bytes_", "says"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_500_000, "1.5 MB"), (10**15, "1000.0 TB")],
)
def test_sizes(bytes_: int, says: str) -> None:
    assert size(bytes_) == says


def test_plain_values() -> None:
    assert plain({"a": (Mode.IPIP, b"\x01"), "b": parse_address("::2", "")}) == {
        "a": ["ipip", "01"],
        "b": "::2",
    }


@pytest.mark.parametrize(
    ("kind", "before", "after", "says"),
    [
        (ChangeKind.CREATED, None, API, "+ service api  203.0.113.10:443/tcp"),
        (ChangeKind.DELETED, backend("a"), None, "- backend api/a  10.0.0.11  gue  weight 100  up"),
        (
            ChangeKind.UPDATED,
            backend("a"),
            backend("a", state=State.DOWN, weight=7),
            "~ backend api/a  weight 100 -> 7, state up -> down",
        ),
        (
            ChangeKind.NEXT_HOP,
            backend("a", hop=LOST),
            backend("a"),
            "> backend api/a  next hop none (nobody answers) -> 02:00:00:00:00:02 on eth1",
        ),
    ],
)
def test_changes_in_words(
    kind: ChangeKind, before: Reached | Service, after: Reached | Service, says: str
) -> None:
    change = Change(kind=kind, before=before, after=after)
    assert changes.line(change) == says
    value = changes.as_plain(change)
    assert (value["kind"], value["before"] is None) == (kind.name.lower(), before is None)
    json.dumps(value)


def test_summaries() -> None:
    made = Change(kind=ChangeKind.CREATED, before=None, after=API)
    gone = Change(kind=ChangeKind.DELETED, before=API, after=None)
    assert changes.summary([made, gone, gone], planned=True) == "1 to create, 2 to delete"
    assert changes.summary([made], planned=False) == "1 created"
    assert changes.summary([], planned=False) == "nothing to change"


def _stats(packets: int, *, backends: tuple[str, ...] = ("a",)) -> Stats:
    counts = (Count(verdict="forward_flow", packets=packets, bytes=100 * packets),)
    return Stats(
        gateway=(Count(verdict="not_service", packets=packets, bytes=packets),),
        services=(
            ServiceStats(
                service="api",
                counts=(Count(verdict="echo", packets=packets, bytes=packets),),
                backends=tuple(
                    BackendStats(backend=name, counts=counts, ring_share=0.5, known_flows=3)
                    for name in backends
                ),
            ),
        ),
    )


def test_rates_are_per_second() -> None:
    found = rates(_stats(100), _stats(400), 2.0)
    assert found == _stats(150)


def test_rates_of_what_is_new_or_was_reset_count_from_zero() -> None:
    found = rates(_stats(1000), _stats(10, backends=("a", "b")), 1.0)
    assert found == _stats(10, backends=("a", "b"))
    assert rates(Stats(gateway=(), services=()), _stats(8), 2.0) == _stats(4)


def test_stats_as_tables() -> None:
    assert text(_stats(2000, backends=("a", "b")), unit="/s") == (
        "BACKEND   RING  FLOWS  PACKETS/s   BYTES/s\n"
        "api/a    50.0%      3      2,000  200.0 kB\n"
        "api/b    50.0%      3      2,000  200.0 kB\n"
        "\n"
        "SERVICE  VERDICT       PACKETS/s   BYTES/s\n"
        "api      forward_flow      4,000  400.0 kB\n"
        "api      echo              2,000    2.0 kB\n"
        "-        not_service       2,000    2.0 kB"
    )


def test_a_dropped_packet_is_explained_without_a_packet_that_leaves() -> None:
    found = Explanation(
        verdict="no_backend",
        meaning="the service has no backend that is up",
        action="XDP_DROP",
        service="api",
        backend="",
        known_flow=False,
        ring_slot=None,
        interface="",
        packet_in=bytes(14),
        packet_out=bytes(14),
        steps=("The one reason.",),
    )
    assert commands.text(found, None) == (
        "no_backend: the service has no backend that is up\n"
        "\n"
        "  action     XDP_DROP: it is dropped\n"
        "  service    api\n"
        "\n"
        "Why\n"
        "  1. The one reason.\n"
        "\n"
        "The packet that comes in (14 bytes)\n"
        "  Ethernet   00:00:00:00:00:00 -> 00:00:00:00:00:00"
    )
