"""The backend's side: the rows of decap_rows.py through decap.bpf.c by BPF_PROG_TEST_RUN."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator

import pytest
from scapy.layers.inet import UDP
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from accel.backend.decapsulator import VERDICTS, Decap, parse_prefixes
from accel.errors import InvalidError, NotFoundError
from tests.support.packets.decap_rows import (
    ROWS,
    TUNNELS,
    Row,
    api4,
    backend4,
    backend6,
    eth,
    gateway6,
    gue,
    outer4,
    outer6,
)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="loading a program needs root")

PASS, DROP = 2, 1


@pytest.fixture(scope="module")
def decap() -> Iterator[Decap]:
    decap = Decap(allow=parse_prefixes(["10.0.1.0/24", gateway6]))
    decap.own([ipaddress.ip_address(backend4), ipaddress.ip_address(backend6)])
    yield decap
    decap.close()


def counted(decap: Decap) -> dict[str, tuple[int, int]]:
    return {verdict.name: count for verdict, count in decap.counts().items()}


def told(packet: Packet, expected: bytes, got: bytes) -> str:
    return (
        f"in:       {packet.command()}\n"
        f"expected: {Ether(expected).show(dump=True)}\n{expected.hex()}\n"
        f"got:      {Ether(got).show(dump=True)}\n{got.hex()}"
    )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row(decap: Decap, row: Row) -> None:
    frame = bytes(row.packet)
    before = counted(decap)
    result = decap.run(frame)
    after = counted(decap)
    seen = {
        name: (after[name][0] - before[name][0], after[name][1] - before[name][1])
        for name in after
        if after[name] != before[name]
    }
    assert seen == {row.verdict: (1, len(frame))}
    action = next(verdict.action for verdict in VERDICTS if verdict.name == row.verdict)
    assert result.action == {"PASS": PASS, "DROP": DROP}[action]
    expected = bytes(row.expected) if row.expected is not None else frame
    assert result.packet == expected, told(row.packet, expected, result.packet)


@pytest.mark.parametrize("name", TUNNELS)
def test_no_cut_packet_is_unwrapped(decap: Decap, name: str) -> None:
    around, inner = TUNNELS[name]
    for length in range(len(inner)):
        frame = bytes(around / Raw(bytes(inner)[:length]))
        before = counted(decap)["inner_broken"]
        result = decap.run(frame)
        assert counted(decap)["inner_broken"][0] == before[0] + 1, f"{length} bytes of the inner"
        assert (result.action, result.packet) == (DROP, frame)
    whole = decap.run(bytes(around / Raw(bytes(inner))))
    assert whole.packet.endswith(bytes(inner))
    assert len(whole.packet) < len(around) + len(inner)


@pytest.mark.parametrize("name", TUNNELS)
def test_a_cut_frame_is_left_alone(decap: Decap, name: str) -> None:
    around, inner = TUNNELS[name]
    frame = bytes(around / Raw(bytes(inner)))
    for length in range(14, len(frame)):
        result = decap.run(frame[:length])
        assert (result.action, result.packet) == (PASS, frame[:length])


def test_every_verdict_has_a_row() -> None:
    # no_link needs a driver that refuses to move the head, which the test run never does.
    assert {verdict.name for verdict in VERDICTS} - {row.verdict for row in ROWS} == {"no_link"}


def test_an_address_that_goes_is_not_ours_any_more(decap: Decap) -> None:
    frame = bytes(eth / outer4 / api4)
    try:
        decap.own([ipaddress.ip_address(backend6)])
        assert decap.run(frame).packet == frame
        assert decap.run(bytes(eth / outer6 / api4)).packet == bytes(eth / api4)
    finally:
        decap.own([ipaddress.ip_address(backend4), ipaddress.ip_address(backend6)])
    assert decap.run(frame).packet == bytes(eth / api4)


def test_another_gue_port() -> None:
    decap = Decap(allow=parse_prefixes(["0.0.0.0/0"]), gue_port=6635)
    decap.own([ipaddress.ip_address(backend4)])
    frame = bytes(eth / outer4 / UDP(dport=6635) / api4)
    assert decap.run(frame).packet == bytes(eth / api4)
    frame = bytes(eth / outer4 / gue / api4)
    assert decap.run(frame).packet == frame
    decap.close()


def test_bad_settings_name_their_field(decap: Decap) -> None:
    with pytest.raises(InvalidError, match=r"allow\[1\]: .*host bits"):
        parse_prefixes(["10.0.0.0/8", "10.0.0.1/8"])
    with pytest.raises(InvalidError, match=r"allow\[0\]"):
        parse_prefixes(["gateway"])
    with pytest.raises(InvalidError, match="allow: is empty"):
        Decap(allow=[])
    with pytest.raises(InvalidError, match="gue_port: 0"):
        Decap(allow=parse_prefixes(["::/0"]), gue_port=0)
    with pytest.raises(InvalidError, match="mode"):
        decap.attach("lo", "fast")
    with pytest.raises(NotFoundError, match="nowhere0"):
        decap.attach("nowhere0")
