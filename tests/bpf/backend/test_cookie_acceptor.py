"""The backend's side of mode cookie-backend, by BPF_PROG_TEST_RUN: cookie_acceptor.bpf.c."""

from __future__ import annotations

import dataclasses
import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from scapy.all import (
    IP,
    TCP,
    UDP,
    Ether,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    Packet,
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
from accel.backend.inet_diag import end_time_wait
from accel.backend.verdicts import read_verdicts
from accel.datapath.guard.actions import Stance
from accel.ebpf import probes
from accel.errors import HostError, NotFoundError
from accel.lab.names import unique
from accel.lab.namespace import Namespace
from accel.model.guard_secret import COOKIE, derive_key, keys_around
from tests.model.cookie_model import MSS, Asked, cookie, kept_mss, option_bits

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="loading a program needs root")

SECRET = bytes(range(32))
NOW = 29_700_002  # a generation
NOWS = [0.0]  # what the agent's clock says
CLIENT = {4: "198.51.100.7", 6: "2001:db8:c::7"}
SERVER = {4: "127.0.0.1", 6: "::1"}
SERVICE = {4: "192.0.2.10", 6: "2001:db8:a::10"}
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000  # linux/if_tun.h
IPPROTO_MPTCP = 262
ISN = 0xFFFF_FFFF
LINUX = Asked(mss=1460, scale=7, sack=True, time=b"\0\0\0\7")
TIMESTAMPS = [("NOP", None), ("NOP", None), ("Timestamp", (8, 5))]
# A test run's packet is not at TC ingress, where alone the kernel gives request sockets.
TAKEN = ("accepted", "refused")
ACTION = {"PASS": 0xFFFF_FFFF, "DROP": 2}  # TCX_NEXT, TCX_DROP


def keys(generation: int = NOW) -> CookieKeys:
    return CookieKeys(generation=generation, keys=keys_around(SECRET, COOKIE, generation))


@pytest.fixture(scope="module")
def home() -> Iterator[Namespace]:
    """Where test runs look for sockets: a namespace that nobody else listens in."""
    with Namespace(f"{unique()}-accept") as namespace:
        yield namespace


@pytest.fixture(scope="module")
def listening(home: Namespace) -> Iterator[dict[int, int]]:
    """A listener over each version, by its port."""
    with home.entered():
        made = {v: socket.create_server((SERVER[v], 0), family=FAMILY[v]) for v in (4, 6)}
    yield {version: listener.getsockname()[1] for version, listener in made.items()}
    for listener in made.values():
        listener.close()


@pytest.fixture(scope="module")
def loaded() -> Iterator[Accept]:
    try:
        probes.made_request()
    except OSError as error:
        pytest.skip(f"this kernel makes no request sockets by a program: {error.strerror}")
    accept = Accept(clock=lambda: NOWS[0])
    yield accept
    accept.close()


@pytest.fixture
def accept(loaded: Accept) -> Accept:
    loaded.set_keys(keys())
    NOWS[0] += FORMER_SECONDS  # nothing of an earlier test is valid
    loaded.forget_former()
    return loaded


def verdict(accept: Accept, home: Namespace, packet: Packet) -> str:
    """What the program makes of it."""
    before = accept.counts()
    with home.entered():
        action = accept.run(bytes(packet)).action
    (seen,) = (v for v, count in accept.counts().items() if count != before[v])
    assert action == ACTION[seen.action]
    return seen.name


def acknowledging(
    version: int,
    port: int,
    *,
    generation: int = NOW,
    seq: int = 1,
    ack: int = 1,
    announced: int = Stance().wscale,
    asked: Asked = LINUX,
    flags: str = "A",
    between: Packet | None = None,
    secret: bytes = SECRET,
    client: int = 40001,
    server: str = "",
) -> Packet:
    """The segment that acknowledges a gateway's cookie."""
    source, server = CLIENT[version], server or SERVER[version]
    made = cookie(
        derive_key(secret, COOKIE, generation),
        generation,
        socket.inet_pton(FAMILY[version], source),
        socket.inet_pton(FAMILY[version], server),
        (40001).to_bytes(2, "big") + port.to_bytes(2, "big"),
        isn=ISN,
        bits=option_bits(version, asked, ecn=False),
        announced=announced,
    )
    ip = IP(src=source, dst=server) if version == 4 else IPv6(src=source, dst=server)
    header = TCP(
        sport=client,
        dport=port,
        flags=flags,
        seq=(ISN + seq) % 2**32,
        ack=(made + ack) % 2**32,
        options=TIMESTAMPS if asked.time else [],
    )
    return Ether() / (ip / between if between else ip) / header


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


@pytest.fixture(scope="module")
def tunnel(loaded: Accept) -> Iterator[tuple[Namespace, int]]:
    """A device without Ethernet headers, as tunnels are, that the program is attached to."""
    if not Path("/dev/net/tun").exists():
        pytest.skip("this kernel is built without tun devices")
    with Namespace(f"{unique()}-accept") as namespace:
        with namespace.entered():
            device = os.open("/dev/net/tun", os.O_RDWR)
            fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", b"tun0", IFF_TUN | IFF_NO_PI))
            loaded.attach("tun0")
        index, link = namespace.index("tun0"), namespace.netlink
        link.link("set", index=index, state="up")
        for version, prefix in ((4, 32), (6, 128)):
            link.addr("replace", index=1, address=SERVICE[version], prefixlen=prefix, flags=2)
            link.route("replace", dst=f"{CLIENT[version]}/{prefix}", oif=index)
        namespace.sysctl(ipv4__conf__all__rp_filter=0, ipv4__conf__tun0__rp_filter=0)
        yield namespace, device
        os.close(device)


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("asked", [LINUX, Asked(mss=1300)], ids=["Linux", "plain"])
def test_a_tunnel_brings_a_connection(
    accept: Accept, tunnel: tuple[Namespace, int], version: int, asked: Asked
) -> None:
    namespace, device = tunnel
    with namespace.entered():
        listener = socket.create_server((SERVICE[version], 0), family=FAMILY[version])
    with listener:
        listener.settimeout(10)
        port = listener.getsockname()[1]
        segment = acknowledging(version, port, asked=asked, flags="PA", server=SERVICE[version])
        os.write(device, bytes((segment / Raw(b"hello")).payload))
        connection, (address, client_port, *_) = listener.accept()
        with connection:
            assert (address, client_port) == (CLIENT[version], 40001)
            assert connection.recv(5) == b"hello"
            info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
            options, scales = info[5], info[6]
            (send_mss,) = struct.unpack_from("=I", info, 16)
    if asked.time:
        assert options & 7 == 7, "timestamps, SACK, scale"
        assert scales == Stance().wscale << 4 | 7
        assert send_mss == MSS[version][-1] - 12
    else:
        assert (options & 7, scales) == (0, 0)
        assert send_mss == kept_mss(version, 1300)


def test_a_multipath_listener_is_refused(accept: Accept, tunnel: tuple[Namespace, int]) -> None:
    namespace, device = tunnel
    with namespace.entered():
        try:
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP)
        except OSError as error:
            pytest.skip(f"this kernel has no MPTCP: {error.strerror}")
    with listener:
        listener.bind((SERVICE[4], 0))
        listener.listen()
        port = listener.getsockname()[1]
        before = accept.counts()
        segment = acknowledging(4, port, server=SERVICE[4])
        os.write(device, bytes(segment.payload))
        (seen,) = (v.name for v, count in accept.counts().items() if count != before[v])
    assert seen == "refused"


@pytest.mark.parametrize("version", [4, 6])
def test_what_is_in_time_wait_is_told_once_and_can_be_ended(
    accept: Accept, home: Namespace, version: int
) -> None:
    client = CLIENT[version]
    home.netlink.addr(
        "replace", index=1, address=client, prefixlen=128 if version == 6 else 32, flags=2
    )
    with home.entered():
        listener = socket.create_server((SERVER[version], 0), family=FAMILY[version])
        there = socket.socket(FAMILY[version])
    with listener, there:
        port = listener.getsockname()[1]
        there.bind((client, 40001))
        there.connect((SERVER[version], port))
        listener.accept()[0].close()
        assert there.recv(1) == b""
        there.close()
        assert verdict(accept, home, acknowledging(version, port, seq=9)) == "known"
        assert accept.take_left_overs() == []
        for packet in (
            acknowledging(version, port),
            acknowledging(version, port, seq=9),
            acknowledging(version, port, flags="PA") / Raw(b"GET"),
            acknowledging(version, port, flags="FA"),
            acknowledging(version, port),
        ):
            assert verdict(accept, home, packet) == "held_back", "no test run gets a request"
        (left,) = accept.take_left_overs()
        assert accept.take_left_overs() == []
        assert left.ports == (40001, port)
        assert left.numbers == ((ISN + 1) % 2**32, acknowledging(version, port)[TCP].ack)
        assert left.times == (8, 5)
        assert not left.data
        which = {"here": left.server, "there": left.client, "port": port, "their_port": 40001}
        with home.entered():
            try:
                assert end_time_wait(**which)
            except OSError as error:
                pytest.skip(f"this kernel ends nothing in TIME-WAIT: {error.strerror}")
            assert not end_time_wait(**which), "now these name the listener"
        assert verdict(accept, home, acknowledging(version, port, seq=9)) == "held_back"
        assert verdict(accept, home, acknowledging(version, port, client=40002)) == "bad_cookie"
        assert accept.take_left_overs() == []
        with home.entered(), socket.create_connection((SERVER[version], port)):
            listener.accept()[0].close()
        assert verdict(accept, home, acknowledging(version, port)) in TAKEN


@pytest.mark.parametrize("version", [4, 6])
def test_a_connection_that_is_known_is_left_alone(
    accept: Accept, home: Namespace, version: int
) -> None:
    with home.entered():
        listener = socket.create_server((SERVER[version], 0), family=FAMILY[version])
        there = socket.create_connection(listener.getsockname()[:2])
    try:
        header = TCP(sport=there.getsockname()[1], dport=listener.getsockname()[1], flags="A")
        ip = IP if version == 4 else IPv6
        packet = Ether() / ip(src=SERVER[version], dst=SERVER[version]) / header
        assert verdict(accept, home, packet) == "known"
    finally:
        there.close()
        listener.close()


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
