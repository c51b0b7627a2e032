"""accel hint set, show and stats, accel shard, server ids, and what explain tells of hints."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from here import Here
from objects import web

from accel.admission import Candidate, Refusal
from accel.cli.main import main
from accel.hint import Kind
from accel.hint_outcomes import HintOutcome
from accel.hint_values import Seen, Standing
from accel.model import parse_address
from accel.outcome import Outcome
from accel.v1 import model_pb2
from accel.verdicts import Verdict

Accel = Callable[..., str]
CLIENT = "198.51.100.7"


@pytest.fixture
def accel(here: Here, capsys: pytest.CaptureFixture[str]) -> Accel:
    """A command that is to end with that code: its standard output, or what it complains of."""
    here.stub.Apply(web())

    def run(*arguments: str, code: int = 0) -> str:
        assert main(["--socket", str(here.socket), *arguments]) == code
        found = capsys.readouterr()
        return found.err if code else found.out + found.err

    return run


def hints(accel: Accel) -> Any:
    return json.loads(accel("hint", "show", "web", "-o", "json"))["hints"]


def rows(text: str) -> dict[str, str]:
    """The first word of each line, and the rest."""
    return {line.split()[0]: " ".join(line.split()[1:]) for line in text.splitlines() if line}


def test_set_changes_what_is_given(accel: Accel) -> None:
    accel("hint", "set", "web", "--affinity", "client", "--learn", "exceptions", "--lifetime", "1h")
    told = accel("hint", "set", "web", "--holdout", "2.5", "--bound", "0", "--warm", "--key4", "24")
    assert rows(told) | {
        "affinity": "client",
        "learn": "exceptions",
        "lifetime": "1h",
        "longest": "1d",
        "holdout": "2.5 %",
        "bound": "0",
        "warm": "yes",
        "key4": "24",
        "shard": "none",
        "quic": "none",
    } == rows(told)
    found = hints(accel)
    assert (found["affinity"], found["learn"], found["lifetime"]) == ("client", "exceptions", 3600)
    assert (found["holdout"], found["bound"], found["warm"]) == (2.5, 0.0, True)
    accel("hint", "set", "web", "--no-warm")
    assert hints(accel)["warm"] is False
    assert "nothing to change" in accel("hint", "set", "web", "--no-warm")


def test_set_can_be_tried(here: Here, accel: Accel) -> None:
    before = here.gateway.state
    told = accel("hint", "set", "web", "--learn", "all", "--dry-run")
    assert rows(told)["learn"] == "all"
    assert "dry run: nothing was changed" in told
    assert here.gateway.state is before
    refused = accel("hint", "set", "web", "--floor", "5", "--expected-revision", "99", code=5)
    assert "revision" in refused


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "nothing to change is named"),
        (("--lifetime", "1"), "'1' is no time: write it as 90s"),
        (("--longest", "25h"), "25h is above 24h"),
        (("--bound", "x"), "'x' is not a number"),
        (("--bound", "1"), "service.hints.bound: 1.0 is not above 1"),
        (("--holdout", "101"), "service.hints.holdout: 101.0 is not from 0 to 100"),
        (("--learn", "exceptions"), "service.hints.learn: there are no exceptions"),
        (("--quic", "0:4"), "'0:4' is not ROTATION:ID:NONCE"),
        (("--quic", "0:4:8"), "service.hints.quic: is for UDP"),
        (("--quic", "0:4:8", "--no-quic"), "not allowed with argument"),
    ],
)
def test_what_is_wrong_is_told(accel: Accel, arguments: tuple[str, ...], says: str) -> None:
    assert says in accel("hint", "set", "web", *arguments, code=2)


def test_server_ids(accel: Accel) -> None:
    accel("service", "set", "web", "--protocol", "udp")
    accel("hint", "set", "web", "--quic", "0:2:4", "--quic", "3:1:18")
    assert rows(accel("hint", "show", "web"))["quic"] == "0:2:4 3:1:18"
    made = accel(
        *("backend", "add", "web/b3", "--address", "10.0.0.3", "-o", "json"),
        *("--server-id", "3:ff", "--server-id", "0:0a1b"),
    )
    assert json.loads(made)["server_ids"] == {"0": "0a1b", "3": "ff"}
    accel("backend", "set", "web/b3", "--weight", "7")
    changed = accel("backend", "set", "web/b3", "--server-id", "0:0a1c", "-o", "json")
    assert json.loads(changed)["server_ids"] == {"0": "0a1c"}
    assert "is the id of backend 'b3'" in accel(
        "backend", "set", "web/b1", "--server-id", "0:0a1c", code=2
    )
    for wrong in ("0a1b", "7:0a1b", "0:", "0:abc", "0:zz"):
        assert "write it as 0:a1b2c3d4" in accel(
            "backend", "set", "web/b1", "--server-id", wrong, code=2
        )
    assert "would not fit" in accel("hint", "set", "web", "--no-quic", code=2)
    gone = accel("backend", "set", "web/b3", "--no-server-ids", "-o", "json")
    assert json.loads(gone)["server_ids"] == {}
    accel("hint", "set", "web", "--no-quic")
    assert "--server-id" in accel("backend", "set", "web/b1", code=2)


def test_a_file_goes_out_and_in_again(accel: Accel, tmp_path: Any) -> None:
    accel("service", "set", "web", "--protocol", "udp")
    accel("hint", "set", "web", "--quic", "0:2:4", "--holdout", "0.1", "--affinity", "prefix")
    accel("shard", "set", "web", "--key", "port", "--size", "2")
    accel("backend", "set", "web/b1", "--server-id", "0:1234")
    file = tmp_path / "gateway.yaml"
    file.write_text(accel("export"))
    assert "no difference" in accel("diff", "-f", str(file), "--prune")
    file.write_text(
        file.read_text().replace("'1234'", "'1235'").replace("rotation: 0", "rotation: 1")
    )
    assert "has no form of connection ids" in accel("diff", "-f", str(file), code=2)
    file.write_text(file.read_text().replace("rotation: 1", "rotation: 0"))
    told = accel("apply", "-f", str(file))
    assert "~ backend web/b1  server_ids 0:1234 -> 0:1235" in told


def test_shards(here: Here, accel: Accel) -> None:
    assert "no service has shards" in accel("shard", "list")
    assert "3 for each source" in accel("shard", "set", "web", "--key", "source", "--size", "3")
    assert rows(accel("shard", "list"))["web"] == "3 for each source"
    found = json.loads(accel("shard", "list", "-o", "json"))
    assert found["shards"] == [{"service": "web", "shard": {"key": "source", "size": 3}}]
    assert "would use" in accel("shard", "remove", "web", "--dry-run")
    assert "uses all of its backends" in accel("shard", "remove", "web")
    assert here.gateway.state.services["web"].hints.shard.size == 0
    assert "not from 1 to 255" in accel(
        "shard", "set", "web", "--key", "port", "--size", "0", code=2
    )
    accel("shard", "remove", "none", code=3)


def test_stats(here: Here, accel: Accel) -> None:
    assert "no service has hints" in accel("hint", "stats")
    accel("hint", "set", "web", "--learn", "all")
    here.data_path.hints.decided.update({HintOutcome["BASE"]: 1500, HintOutcome["LEARNED"]: 500})
    here.data_path.hints.warmth[2] = 8
    lines = [line.split() for line in accel("hint", "stats", "web").splitlines()]
    assert ["web", "base", "1,500", "75.0%", "no", "hint:", "the", "base", "choice"] in lines
    assert ["web", "0", "0", "300", "3", "2", "1"] in lines
    assert ["web/b1", "100", "1", "10", "-"] in lines
    assert ["web/b2", "200", "2", "any", "8"] in lines
    (found,) = json.loads(accel("hint", "stats", "-o", "json"))["services"]
    assert found["outcomes"][1]["kind"] == "learned"
    assert found["backends"][0]["warm"] is None


def test_explain_shows_outcome_and_candidates(
    here: Here, accel: Accel, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot = here.gateway.state.placement.backends.taken["web", "b2"]
    here.data_path.hints.known[1, parse_address(CLIENT, "")] = [
        Candidate(
            kind=Kind.PUSHED,
            seen=Seen(number=slot.number, generation=slot.generation, require=False, seconds=90),
            refused=Refusal.OVERFLOW,
            standing=Standing(flows=12, limit=12, warm=None),
        )
    ]
    found = Outcome(
        action="XDP_TX",
        frame=b"",
        verdict=Verdict["FORWARD_SYN"],
        service=1,
        backend=1,
        known_flow=False,
        slot=17,
        ifindex=1,
        hint=HintOutcome["PUSHED_OVERFLOW"],
    )
    monkeypatch.setattr(here.data_path, "run", lambda frame: found)
    told = accel("explain", "--from", f"{CLIENT}:4000", "--to", "web", "--syn")
    assert "pushed_overflow: a pushed hint of a backend at its load bound" in told
    lines = [line.split() for line in told.splitlines()]
    assert ["pushed", "b2", "1m30s", "no", "overflow"] in lines
    plain = accel("explain", "--from", f"{CLIENT}:4000", "--to", "web", "--syn", "-o", "json")
    value = json.loads(plain)
    assert value["outcome"] == "pushed_overflow"
    assert value["hints"][0]["kind"] == "pushed"


def test_a_service_of_tcp_may_not_have_forms(here: Here, accel: Accel) -> None:
    accel("service", "set", "web", "--protocol", "udp")
    accel("hint", "set", "web", "--quic", "0:2:4")
    assert "is for UDP" in accel("service", "set", "web", "--protocol", "tcp", code=2)
    service = here.gateway.state.services["web"]
    assert service.protocol.name == model_pb2.Protocol.Name(2).removeprefix("PROTOCOL_")
