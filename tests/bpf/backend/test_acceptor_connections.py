"""The backend's side of mode cookie-backend: connections that begin, are known, or in TIME-WAIT."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from scapy.all import IP, TCP, Ether, IPv6, Raw

from accel.backend.cookie_acceptor import Accept
from accel.backend.inet_diag import end_time_wait
from accel.datapath.guard.actions import Stance
from accel.lab.names import unique
from accel.lab.namespace import Namespace
from tests.model.cookie_model import MSS, Asked, kept_mss
from tests.support.guard.acceptor import (
    CLIENT,
    FAMILY,
    ISN,
    LINUX,
    SERVER,
    TAKEN,
    acknowledging,
    verdict,
)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="loading a program needs root")
SERVICE = {4: "192.0.2.10", 6: "2001:db8:a::10"}
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000  # linux/if_tun.h
IPPROTO_MPTCP = 262


@pytest.fixture(scope="module")
def tunnel(opened: Accept) -> Iterator[tuple[Namespace, int]]:
    """A device without Ethernet headers, as tunnels are, that the program is attached to."""
    if not Path("/dev/net/tun").exists():
        pytest.skip("this kernel is built without tun devices")
    with Namespace(f"{unique()}-accept") as namespace:
        with namespace.entered():
            device = os.open("/dev/net/tun", os.O_RDWR)
            fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", b"tun0", IFF_TUN | IFF_NO_PI))
            opened.attach("tun0")
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


def close_at_the_server(
    home: Namespace, listener: socket.socket, there: socket.socket, version: int
) -> None:
    """A connection from CLIENT's port 40001 that the server closes first: it is in TIME-WAIT."""
    prefix = 128 if version == 6 else 32
    home.netlink.addr("replace", index=1, address=CLIENT[version], prefixlen=prefix, flags=2)
    there.bind((CLIENT[version], 40001))
    there.connect(listener.getsockname()[:2])
    listener.accept()[0].close()
    assert there.recv(1) == b""
    there.close()


@pytest.mark.parametrize("version", [4, 6])
def test_what_is_in_time_wait_is_told_once_and_can_be_ended(
    accept: Accept, home: Namespace, version: int
) -> None:
    with home.entered():
        listener = socket.create_server((SERVER[version], 0), family=FAMILY[version])
        there = socket.socket(FAMILY[version])
    with listener, there:
        port = listener.getsockname()[1]
        close_at_the_server(home, listener, there, version)
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
