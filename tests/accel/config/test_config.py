"""The YAML configuration: what is read, what is refused, and where it is said to be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from accel.config import configuration
from accel.errors import InvalidError
from accel.model.address import parse_address
from accel.model.backend import Backend, Mode, State
from accel.model.guard import Guard, GuardLevel, GuardMode, Policy, Rate, SourceRate
from accel.model.hints import Affinity, Hints, Learn, QuicId, Shard, ShardKey
from accel.model.quic import ServerId
from accel.model.service import Protocol, Service

GOOD = """\
services:
  - name: api
    address: 203.0.113.10
    port: 443
    protocol: tcp
    ring_size: 4093
    guard:
      mode: cookie-backend
      policy: auto
      on_rate: 50000
      flags: "on"
      syn_rate: {level: monitor, source: {per_second: 20, burst: 100}}
    hints:
      affinity: client
      learn: exceptions
      shard: {key: source, size: 3}
      warm: true
      key4: 24
      lifetime: 600
      holdout: 5
      bound: 1.25
    mode: gue
    backends:
      - {name: a, address: 10.0.0.11, weight: 50}
      - name: b
        address: 2001:db8::12
        mode: ipip
        gue_port: 7000
        state: drain
  - name: dns
    address: 2001:db8::53
    port: 0
    protocol: udp
    hints:
      quic:
        - {rotation: 0, server_id_length: 4, nonce_length: 8}
        - {rotation: 5, server_id_length: 1, nonce_length: 4}
    backends:
      - {name: c, address: 10.0.0.13, server_ids: {0: "01020304", 5: ff}}
"""


SERVICES = {
    "api": Service(
        name="api",
        address=parse_address("203.0.113.10", ""),
        port=443,
        protocol=Protocol.TCP,
        ring_size=4093,
        guard=Guard(
            mode=GuardMode.COOKIE_BACKEND,
            policy=Policy.AUTO,
            on_rate=50_000,
            flags=GuardLevel.ON,
            syn_rate=SourceRate(level=GuardLevel.MONITOR, source=Rate(per_second=20, burst=100)),
        ),
        hints=Hints(
            affinity=Affinity.CLIENT,
            learn=Learn.EXCEPTIONS,
            shard=Shard(key=ShardKey.SOURCE, size=3),
            warm=True,
            key4=24,
            lifetime=600,
            holdout=5.0,
            bound=1.25,
        ),
    ),
    "dns": Service(
        name="dns",
        address=parse_address("2001:db8::53", ""),
        port=0,
        protocol=Protocol.UDP,
        hints=Hints(
            quic=(
                QuicId(rotation=0, server_id_length=4, nonce_length=8),
                QuicId(rotation=5, server_id_length=1, nonce_length=4),
            )
        ),
    ),
}
BACKENDS = {
    ("api", "a"): Backend(
        service="api",
        name="a",
        address=parse_address("10.0.0.11", ""),
        weight=50,
        mode=Mode.GUE,
    ),
    ("api", "b"): Backend(
        service="api",
        name="b",
        address=parse_address("2001:db8::12", ""),
        mode=Mode.IPIP,
        gue_port=7000,
        state=State.DRAIN,
    ),
    ("dns", "c"): Backend(
        service="dns",
        name="c",
        address=parse_address("10.0.0.13", ""),
        server_ids=(ServerId(rotation=0, id=b"\1\2\3\4"), ServerId(rotation=5, id=b"\xff")),
    ),
}


def test_reads_every_key() -> None:
    desired = configuration.loads(GOOD).desired
    assert desired.services == SERVICES
    assert desired.backends == BACKENDS


HEAD = "services:\n- name: api\n  address: 192.0.2.1\n  port: 80\n"
QUIC = (
    HEAD
    + """\
  protocol: udp
  hints:
    quic:
    - {rotation: 0, nonce_length: 8, server_id_length: 4}
"""
)
IDS = QUIC + "  backends:\n  - {name: a, address: 10.0.0.1, server_ids: "


@pytest.mark.parametrize(
    ("text", "field", "line", "says"),
    [
        ("", "services", 1, "mapping"),
        ("services:\n", "services", 1, "services: []"),
        ("servcies: []\n", "servcies", 1, "did you mean 'services'?"),
        ("{}", "services", 1, "is missing"),
        ("services: {}\n", "services", 1, "is not a list"),
        ("services:\n- 7\n", "services[0]", 2, "mapping"),
        ("services:\n- address: 192.0.2.1\n  port: 80\n", "services[0].name", 2, "is missing"),
        (HEAD + "  prot: udp\n", "services[0].prot", 5, "'port'"),
        (HEAD + "  colour: red\n", "services[0].colour", 5, "ring_size"),
        (HEAD + "  protocol: upd\n", "services[0].protocol", 5, "did you mean 'udp'?"),
        (HEAD + "  protocol: TCP\n", "services[0].protocol", 5, "none of tcp, udp"),
        (HEAD + "  ring_size: 65536\n", "services[0].ring_size", 5, "use 65537"),
        (HEAD + "  guard: auto\n", "services[0].guard", 5, "mapping"),
        (HEAD + "  guard:\n    policy: aut\n", "services[0].guard.policy", 6, "'auto'"),
        (HEAD + "  guard: {hold: 0}\n", "services[0].guard.hold", 5, "1 to 86400"),
        (HEAD + "  guard: {off_rate: 10000}\n", "services[0].guard.off_rate", 5, "not below"),
        (
            HEAD + "  protocol: udp\n  guard: {policy: always}\n",
            "services[0].guard.policy",
            6,
            "is for TCP",
        ),
        (
            HEAD + "  guard:\n    syn_rate:\n      source: {per_second: 1000001}\n",
            "services[0].guard.syn_rate.source.per_second",
            7,
            "0 to 1000000",
        ),
        (HEAD + "  hints: {learn: exceptions}\n", "services[0].hints.learn", 5, "base choice"),
        (HEAD + "  hints: {warm: 1}\n", "services[0].hints.warm", 5, "true nor false"),
        (HEAD + "  hints: {warm: 'true'}\n", "services[0].hints.warm", 5, "true nor false"),
        (HEAD + "  hints: {bound: a}\n", "services[0].hints.bound", 5, "not a number"),
        (HEAD + "  hints: {bound: .nan}\n", "services[0].hints.bound", 5, "not a number"),
        (HEAD + "  hints: {bound: 1e999}\n", "services[0].hints.bound", 5, "not a number"),
        (HEAD + "  hints: {bound: 1}\n", "services[0].hints.bound", 5, "above 1"),
        (HEAD + "  hints: {shard: {key: port}}\n", "services[0].hints.shard.size", 5, "1 to 255"),
        (HEAD + "  hints: {quic: 1}\n", "services[0].hints.quic", 5, "not a list"),
        (
            HEAD + "  hints:\n    quic:\n    - {}\n",
            "services[0].hints.quic[0].rotation",
            7,
            "missing",
        ),
        (QUIC.replace("4}", "16}"), "services[0].hints.quic[0].server_id_length", 8, "1 to 15"),
        (QUIC.replace("8, ", "16, "), "services[0].hints.quic[0].nonce_length", 8, "above 19"),
        (QUIC.replace("udp", "tcp"), "services[0].hints.quic", 7, "is for UDP"),
        (IDS + "{0: a1b2c3}}\n", "services[0].backends[0].server_ids.0", 10, "has 3 bytes"),
        (IDS + "{0: a1b2c3d}}\n", "services[0].backends[0].server_ids.0", 10, "hexadecimal"),
        (IDS + "{0: a1 b2c3d4}}\n", "services[0].backends[0].server_ids.0", 10, "hexadecimal"),
        (IDS + "{0: []}}\n", "services[0].backends[0].server_ids.0", 10, "hexadecimal"),
        (IDS + "{1: a1b2c3d4}}\n", "services[0].backends[0].server_ids.1", 10, "no form"),
        (IDS + "{7: a1b2c3d4}}\n", "services[0].backends[0].server_ids.7", 10, "0 to 6"),
        (IDS + "[]}\n", "services[0].backends[0].server_ids", 10, "not a mapping"),
        (
            IDS + "{0: a1b2c3d4}}\n  - {name: b, address: 10.0.0.2, server_ids: {0: A1B2C3D4}}\n",
            "services[0].backends[1].server_ids.0",
            11,
            "of backend 'a' already",
        ),
        (HEAD + "  port: 81\n", "services[0].port", 5, "first on line 4"),
        (HEAD.replace("80", "'80'"), "services[0].port", 4, "without quotes"),
        (HEAD.replace("80", "8_0"), "services[0].port", 4, "whole number"),
        (HEAD.replace("80", "65536"), "services[0].port", 4, "0 to 65535"),
        (HEAD.replace("80", "-1"), "services[0].port", 4, "0 to 65535"),
        (HEAD.replace("80", "9" * 5000), "services[0].port", 4, "whole number"),
        (HEAD.replace("80", "[80]"), "services[0].port", 4, "not a number"),
        (HEAD.replace("192.0.2.1", "192.0.2.1/32"), "services[0].address", 3, "prefix length"),
        (HEAD.replace("192.0.2.1", "224.0.0.1"), "services[0].address", 3, "multicast"),
        (HEAD.replace("name: api", "name: API"), "services[0].name", 2, "1 to 63"),
        (HEAD + HEAD.removeprefix("services:\n"), "services[1].name", 5, "twice"),
        (
            HEAD + HEAD.removeprefix("services:\n").replace("api", "web"),
            "services[1].address",
            6,
            "'api' has this address",
        ),
        (
            HEAD
            + "  backends: [{name: z, address: 10.0.0.9}]\n"
            + HEAD.removeprefix("services:\n").replace("api", "web").replace("2.1", "2.2")
            + "  backends:\n  - {name: a, address: 10.0.0.1}\n"
            + "  - name: b\n    address: 10.0.0.1\n    weight: 0\n",
            "services[1].backends[1].weight",
            13,
            "1 to 65535",
        ),
        (
            HEAD + "  backends:\n  - {name: a, address: 10.0.0.1, wieght: 3}\n",
            "services[0].backends[0].wieght",
            6,
            "did you mean 'weight'?",
        ),
        (
            HEAD + "  backends:\n  - name: a\n    address: 10.0.0.1\n    state: drained\n",
            "services[0].backends[0].state",
            8,
            "did you mean 'drain'?",
        ),
        ("services: [\n", "configuration", 2, "not YAML"),
        ("services: []\n---\nservices: []\n", "configuration", 2, "second YAML document"),
        ("services: !!set []\n", "services", 1, "tag"),
        ("services: *nowhere\n", "services", 1, "anchor"),
        ("? [a]\n: b\n", "configuration", 1, "not text"),
        ("services: " + "[" * 1000, "services" + "[0]" * 15, 1, "too deeply"),
    ],
)
def test_refuses(text: str, field: str, line: int, says: str) -> None:
    with pytest.raises(InvalidError) as caught:
        configuration.loads(text)
    if text:  # an empty file has no path in it
        assert caught.value.field == field
    assert says in str(caught.value)
    assert f"line {line})" in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("text", [b"\xff\xfe\x00", b"a: \x00", b"\x80"])
def test_bytes_that_are_no_text(text: bytes) -> None:
    with pytest.raises(InvalidError, match="not YAML"):
        configuration.loads(text)


def test_aliases_are_followed() -> None:
    text = HEAD + "  backends: &b [{name: a, address: 10.0.0.1}]\n"
    text += "- {name: web, address: 192.0.2.2, port: 80, backends: *b}\n"
    assert list(configuration.loads(text).desired.backends) == [("api", "a"), ("web", "a")]


def test_an_address_that_yaml_would_take_for_a_number() -> None:
    desired = configuration.loads(HEAD.replace("192.0.2.1", "1:2:3:4:5:6:7:8")).desired
    assert str(desired.services["api"].address) == "1:2:3:4:5:6:7:8"


def test_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="No such file"):
        configuration.load(str(tmp_path / "none.yaml"))


def test_what_the_daemon_refuses_is_located_in_the_file() -> None:
    document = configuration.loads(GOOD, "gateway.yaml")
    found = document.locate(InvalidError("backends[1].gue_port", "taken", hint="use another"))
    assert found.field == "services[0].backends[1].gue_port"
    assert found.message == "services[0].backends[1].gue_port: taken (gateway.yaml line 28)"
    assert found.hint == "use another"
    other = InvalidError("expected_revision", "too large")
    assert document.locate(other) is other
