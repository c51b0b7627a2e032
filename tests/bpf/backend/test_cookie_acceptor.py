"""The backend's side of mode cookie-backend, by BPF_PROG_TEST_RUN: cookie_acceptor.bpf.c."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest
from scapy.all import (
    IP,
    TCP,
    UDP,
    Ether,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    Raw,
)

from accel.backend.cookie_acceptor import (
    FORMER_SECONDS,
    MAX_GATEWAYS,
    VERDICTS,
    Accept,
    CookieKeys,
    check_settings,
)
from accel.backend.verdicts import read_verdicts
from accel.errors import HostError, NotFoundError
from accel.lab.namespace import Namespace
from accel.model.guard_secret import COOKIE, keys_around
from tests.model.cookie_model import Asked
from tests.support.guard.acceptor import NOW, NOWS, TAKEN, acknowledging, keys, verdict

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="loading a program needs root")

VALID = {
    "its own key": {},
    "the key before": {"generation": NOW - 1},
    "the key to come": {"generation": NOW + 1},
    "data on it": {"flags": "PA"},
    "its end on it": {"flags": "FA"},
    "no options": {"asked": Asked()},
    "a small MSS": {"asked": Asked(mss=1300, sack=True)},
}
BAD = {
    "the key of long before": {"generation": NOW - 2},
    "a key of long after": {"generation": NOW + 2},
    "a foreign key": {"secret": bytes(32)},
    "another window scale": {"announced": 9},
    "seq one less": {"seq": 0},
    "seq one more": {"seq": 2},
    "ack one less": {"ack": 0},
    "ack one more": {"ack": 2},
    "other options": {"ack": 1 + (1 << 23)},
    "another port": {"client": 40002},
}


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("name", VALID)
def test_a_valid_cookie(
    accept: Accept, home: Namespace, listening: dict[int, int], name: str, version: int
) -> None:
    packet = acknowledging(version, listening[version], **VALID[name])  # type: ignore[arg-type]
    assert verdict(accept, home, packet) in TAKEN
    with_data = packet / Raw(b"GET / HTTP/1.1\r\n")
    assert verdict(accept, home, with_data) in TAKEN


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("name", BAD)
def test_a_bad_cookie(
    accept: Accept, home: Namespace, listening: dict[int, int], name: str, version: int
) -> None:
    packet = acknowledging(version, listening[version], **BAD[name])  # type: ignore[arg-type]
    assert verdict(accept, home, packet) == "bad_cookie"


def test_headers_in_front_of_tcp(
    accept: Accept, home: Namespace, listening: dict[int, int]
) -> None:
    for between in (IPv6ExtHdrHopByHop(), IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt()):
        packet = acknowledging(6, listening[6], between=between)
        assert verdict(accept, home, packet) in TAKEN
    packet = acknowledging(4, listening[4])
    packet[IP].options = b"\x01" * 8
    assert verdict(accept, home, packet) in TAKEN


@pytest.mark.parametrize("version", [4, 6])
def test_what_is_no_answer_to_a_cookie(
    accept: Accept, home: Namespace, listening: dict[int, int], version: int
) -> None:
    port = listening[version]
    for flags in ("S", "SA", "R", "RA", "F", ""):
        packet = acknowledging(version, port, flags=flags)
        assert verdict(accept, home, packet) == "not_ack", flags
    assert verdict(accept, home, acknowledging(version, 9)) == "no_listener"
    packet = acknowledging(version, port)
    packet[TCP].dataofs = 4
    assert verdict(accept, home, packet) == "broken"


def test_what_is_no_tcp(accept: Accept, home: Namespace, listening: dict[int, int]) -> None:
    packet = acknowledging(4, listening[4])
    packet[IP].flags = "MF"
    assert verdict(accept, home, packet) == "not_tcp"
    packet = acknowledging(6, listening[6], between=IPv6ExtHdrFragment(m=1))
    assert verdict(accept, home, packet) == "not_tcp"
    udp = Ether() / IP(dst="127.0.0.1") / UDP() / Raw(bytes(40))
    assert verdict(accept, home, udp) == "not_tcp"
    arp = Ether(type=0x0806) / Raw(bytes(46))
    assert verdict(accept, home, arp) == "not_tcp"
    cut = bytes(acknowledging(4, listening[4]))[: 14 + 20 + 10]
    assert verdict(accept, home, Ether(cut)) == "broken"


@pytest.mark.usefixtures("accept")  # skips where the kernel has none
def test_before_there_are_keys_nothing_is_valid(home: Namespace, listening: dict[int, int]) -> None:
    fresh = Accept()
    try:
        zero = acknowledging(4, listening[4], secret=b"", generation=0)
        assert verdict(fresh, home, zero) == "bad_cookie"
        assert verdict(fresh, home, acknowledging(4, listening[4])) == "bad_cookie"
        fresh.set_keys(keys())
        assert verdict(fresh, home, acknowledging(4, listening[4])) in TAKEN
    finally:
        fresh.close()


def test_after_a_leap_former_keys_are_valid_for_a_while(
    accept: Accept, home: Namespace, listening: dict[int, int]
) -> None:
    port = listening[4]
    accept.set_keys(keys(NOW + 7))
    for generation in (NOW - 1, NOW, NOW + 1, NOW + 6, NOW + 7, NOW + 8):
        packet = acknowledging(4, port, generation=generation)
        assert verdict(accept, home, packet) in TAKEN, generation - NOW
    accept.set_keys(keys(NOW + 8))
    NOWS[0] += FORMER_SECONDS - 1
    accept.forget_former()
    assert verdict(accept, home, acknowledging(4, port, generation=NOW)) in TAKEN
    NOWS[0] += 1
    accept.forget_former()
    for generation, valid in ((NOW, False), (NOW + 6, False), (NOW + 7, True), (NOW + 9, True)):
        packet = acknowledging(4, port, generation=generation)
        assert (verdict(accept, home, packet) in TAKEN) == valid, generation - NOW


def test_each_gateway_has_keys_of_its_own(
    accept: Accept, home: Namespace, listening: dict[int, int]
) -> None:
    """The last one's are of another secret, and at another generation."""
    other = bytes(31) + b"x"
    last = MAX_GATEWAYS - 1
    theirs = CookieKeys(generation=7, keys=keys_around(other, COOKIE, 7))
    accept.set_keys(theirs, last)
    port = listening[4]
    assert verdict(accept, home, acknowledging(4, port)) in TAKEN
    theirs_now = acknowledging(4, port, secret=other, generation=7)
    assert verdict(accept, home, theirs_now) in TAKEN
    mixed = acknowledging(4, port, secret=other, generation=NOW)
    assert verdict(accept, home, mixed) == "bad_cookie"
    accept.set_keys(keys(NOW + 1))
    assert verdict(accept, home, theirs_now) in TAKEN
    accept.set_keys(CookieKeys(generation=90, keys=keys_around(other, COOKIE, 90)), last)
    NOWS[0] += FORMER_SECONDS
    accept.forget_former()
    assert verdict(accept, home, theirs_now) == "bad_cookie"


def test_settings_say_what_to_set(tmp_path: Path) -> None:
    names = ("syncookies", "window_scaling", "sack", "timestamps", "ecn")
    for name in names:
        (tmp_path / f"tcp_{name}").write_text("2\n")
    check_settings(tmp_path)
    (tmp_path / "tcp_sack").write_text("0\n")
    (tmp_path / "tcp_ecn").write_text("0\n")
    with pytest.raises(HostError, match=r"net.ipv4.tcp_sack and net.ipv4.tcp_ecn must not") as said:
        check_settings(tmp_path)
    assert "sysctl -w net.ipv4.tcp_sack=1 net.ipv4.tcp_ecn=2" in said.value.hint


def test_an_interface_that_is_not_there(accept: Accept) -> None:
    with pytest.raises(NotFoundError, match="no interface 'nowhere'"):
        accept.attach("nowhere")


def test_a_kernel_without_the_function_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> int:
        raise OSError(2, f"no {name} in this kernel")

    monkeypatch.setattr("accel.backend.cookie_acceptor.function_id", missing)
    with pytest.raises(HostError, match="no bpf_sk_assign_tcp_reqsk in this kernel") as said:
        Accept()
    assert "6.8" in said.value.hint


def test_verdicts_are_those_of_the_list() -> None:
    assert read_verdicts("maps/cookie_acceptor_verdicts.h") == VERDICTS
    assert {v.name for v in VERDICTS} >= {"accepted", "bad_cookie", "time_wait", "refused"}
    assert [v.name for v in VERDICTS if v.action == "DROP"] == ["held_back"]
    assert dataclasses.is_dataclass(VERDICTS[0])
