"""accel guard status, set and samples, and what watch and stats tell of guards."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from accel.cli.config.watch import _attack_line
from accel.cli.main import main
from accel.datapath.encode import address_bytes
from accel.datapath.samples import SAMPLE
from accel.model.address import parse_address
from accel.model.results.gateway import Attack
from accel.verdicts import Verdict
from tests.support.daemon.here import Here
from tests.support.daemon.objects import web

Accel = Callable[..., str]


@pytest.fixture
def accel(here: Here, capsys: pytest.CaptureFixture[str]) -> Accel:
    """A command that is to end with that code: its standard output."""
    here.stub.Apply(web())

    def run(*arguments: str, code: int = 0) -> str:
        assert main(["--socket", str(here.socket), *arguments]) == code
        found = capsys.readouterr()
        return found.err if code else found.out

    return run


def guard(accel: Accel) -> Any:
    return json.loads(accel("service", "show", "web", "-o", "json"))["guard"]


def test_set_changes_what_is_given(accel: Accel) -> None:
    accel("guard", "set", "web", "--mode", "retransmit", "--policy", "auto", "--on-rate", "500")
    accel("guard", "set", "web", "--hold", "5", "--syn-rate", "20", "--udp-rate-prefix", "9")
    found = guard(accel)
    assert (found["mode"], found["policy"], found["on_rate"]) == ("retransmit", "auto", 500)
    assert found["hold"] == 5
    assert found["syn_rate"]["level"] == "attack"
    assert found["syn_rate"]["source"]["per_second"] == 20
    assert found["udp_rate"]["level"] == "on"
    assert found["udp_rate"]["prefix"]["per_second"] == 9
    accel("guard", "set", "web", "--on-rate", "0", "--udp-rate-level", "off")
    assert guard(accel)["on_rate"] == 0
    assert guard(accel)["udp_rate"]["level"] == "off"


def test_set_shows_what_it_would_be(accel: Accel) -> None:
    shown = accel("guard", "set", "web", "--policy", "always", "--dry-run")
    assert "always" in shown
    assert guard(accel)["policy"] == "off"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "nothing to change is named"),
        (("--policy", "sometimes"), "--policy"),
        (("--on-rate", "10", "--off-rate", "10"), "service.guard.off_rate: 10 is not below"),
        (("--hold", "0"), "0 is not from 1"),
    ],
)
def test_set_refuses(accel: Accel, arguments: tuple[str, ...], says: str) -> None:
    assert says in accel("guard", "set", "web", *arguments, code=2)


def test_status(accel: Accel) -> None:
    assert accel("guard", "status").strip() == ""
    accel("guard", "set", "web", "--policy", "monitor")
    shown = accel("guard", "status")
    assert "monitor" in shown
    assert "quiet" in shown
    assert "10,000" in shown
    (found,) = json.loads(accel("guard", "status", "web", "--json"))["guards"]
    assert (found["state"], found["answering"], found["seconds"]) == ("quiet", False, None)
    assert found["thresholds"]["ceiling"] == 40_000
    assert found["rates"]["syn"] == 0
    accel("guard", "status", "nobody", code=3)
    assert "(challenged, only noted)" in accel("stats", "web")


def test_samples(accel: Accel, here: Here) -> None:
    assert accel("guard", "samples").strip() == ""
    taken = np.zeros(1, SAMPLE)
    taken[0]["source"] = np.frombuffer(address_bytes(parse_address("2001:db8::7", "")), ">u8")
    taken["service"], taken["verdict"], taken["tcp_flags"] = 1, Verdict["BAD_FLAGS"], 3
    here.data_path.guards.samples = taken
    here.run(here.guard.samples.tick)
    shown = accel("guard", "samples", "web")
    assert "bad_flags" in shown
    assert "2001:db8::7" in shown
    assert "SYN+FIN" in shown


def test_what_watch_prints() -> None:
    start = Attack(
        service="web", started=True, monitored=True, excess_per_second=54_321.0, seconds=0.0
    )
    assert _attack_line(start) == (
        "! service web  under attack: 54,321 packets/s without a client, only monitored"
    )
    end = Attack(service="web", started=False, monitored=False, excess_per_second=9.0, seconds=61.0)
    assert _attack_line(end) == (
        "! service web  attack over after 61 s, at most 9 packets/s without a client"
    )
