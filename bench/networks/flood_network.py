"""Where floods are let loose: an edge with the clients and the sender, and behind it who defends.

    edge ── gateway ── backend       ours, and nftables' synproxy, which sees both directions
    edge ── backend                  SYN cookies of its kernel, and no defence: one hop less to pay

All stand side by side, so that rounds of them can take turns.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

from accel.backend.cookie_acceptor import Accept, CookieKeys
from accel.datapath.guard.actions import Stance
from accel.datapath.guard.maps import GuardKeys
from accel.ebpf import syscall
from accel.ebpf.loader import compile_bpf
from accel.lab.clients.flood import Flood, Kind
from accel.lab.hosts import Host, Segment
from accel.lab.names import unique
from accel.lab.namespace import Namespace
from accel.lab.servers import nginx
from accel.model.backend import Backend, Mode
from accel.model.guard_secret import COOKIE, keys_around
from accel.model.placement import Limits, NextHop, PlacedBackend, PlacedService
from accel.model.service import Protocol, Service
from bench.harness.programs import Ours
from bench.harness.runner import BPF
from bench.networks.links import cable, give_addresses, mac_of, receive_on, received

CLIENTS = IPv4Network("100.64.0.0/10")  # addresses that answer
FLOOD_CPU = min(os.sched_getaffinity(0))
FLOOD = IPv4Network("198.18.0.0/15")  # and those that do not
# As nftables' own documentation has it: SYNs are not tracked, and what acknowledges one is.
_SYNPROXY = """
table ip guard {
  chain before { type filter hook prerouting priority raw; policy accept;
    tcp dport 80 tcp flags syn notrack
  }
  chain forward { type filter hook forward priority filter; policy accept;
    tcp dport 80 ct state invalid,untracked synproxy mss 1460 wscale 7 timestamp sack-perm
    ct state invalid drop
  }
}
"""
_GENERATION = 8  # of the keys
_TCX_EGRESS = 47  # BPF_TCX_EGRESS of linux/bpf.h


@dataclass(frozen=True, kw_only=True)
class Side:
    """One defence: what stands behind `interface` of the edge, its way in, and its backend."""

    name: str
    number: int
    edge: Namespace
    entry: Namespace
    backend: Host
    ours: Ours | None = None

    @property
    def interface(self) -> str:
        """Of the edge."""
        return f"e{self.number}"

    @property
    def mac(self) -> str:
        """Of the way in."""
        return mac_of(self.entry, "in")

    @property
    def address(self) -> IPv4Address:
        """Of the service."""
        return _service(self.number)

    def received(self) -> int:
        """Frames that came to the backend."""
        return received(self.backend.namespace, "in")

    def came(self) -> int:
        """Frames that came to the way in."""
        return received(self.entry, "in")

    def set_stance(self, stance: Stance) -> None:
        """Of ours: what its guard does from now on."""
        assert self.ours
        self.ours.path.guards.enforce({1: stance})


class Network:
    """The edge and all sides; `close` removes everything."""

    def __init__(self) -> None:
        self._id = f"{unique()}-bench"
        self._stack = contextlib.ExitStack()
        self._numbers = itertools.count(1)
        self.folder = Path(tempfile.mkdtemp(prefix=f"{self._id}-"))
        self._stack.callback(shutil.rmtree, self.folder)
        self._compiled = compile_bpf(
            BPF / "swallow.bpf.c",
            defines={"FLOOD": int(FLOOD.network_address), "FLOOD_MASK": int(FLOOD.netmask)},
        )
        self.edge = self._namespace("edge")
        self.edge.netlink.link("add", ifname="a", kind="veth", peer={"ifname": "b"})
        self.edge.sysctl(ipv4__ip_forward=1)
        self.clients = self._namespace("clients")
        self.clients.netlink.route("add", dst=str(CLIENTS), type="local", scope=254, oif=1)
        cable(self.edge, "c", self.clients, "c")
        give_addresses(self.edge, "c", "10.7.0.1", self.clients, "c", "10.7.0.2")
        self.edge.netlink.route("add", dst=str(CLIENTS), gateway="10.7.0.2")
        self.clients.netlink.route("add", dst="default", gateway="10.7.0.1")
        receive_on(FLOOD_CPU, self.edge, "c")

    def __enter__(self) -> Network:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def ours(self, name: str) -> Side:
        """Our gateway, in mode l2dsr: the backend's answers pass through the gateway's stack."""
        side = self._behind(name)
        gateway, backend = side.entry, side.backend
        index = gateway.index("out")
        hop = NextHop(
            ifindex=index,
            interface="out",
            mac=bytes.fromhex(mac_of(backend.namespace, "in").replace(":", "")),
            source_mac=bytes.fromhex(mac_of(gateway, "out").replace(":", "")),
            mtu=1500,
        )
        service = Service(name=name, address=side.address, port=80, protocol=Protocol.TCP)
        placed = PlacedBackend(
            backend=Backend(service=name, name="b1", address=backend.ipv4, mode=Mode.L2DSR),
            number=1,
            generation=0,
            next_hop=hop,
        )
        ours = Ours([PlacedService(service=service, index=1, backends=(placed,))], Limits())
        self._stack.callback(ours.close)
        backend.namespace.take_xdp("in")
        gateway.take_xdp("in", ours.program)
        return Side(**{**vars(side), "ours": ours})

    def cookies(self, name: str) -> Side:
        """Our gateway in mode cookie-backend, and what accepts the cookies at the backend."""
        side = self.ours(name)
        assert side.ours
        keys = keys_around(secrets.token_bytes(32), COOKIE, _GENERATION)
        side.ours.path.guards.set_keys(
            GuardKeys(generation=_GENERATION, challenge=keys, cookie=keys)
        )
        accept = Accept()
        self._stack.callback(accept.close)
        accept.set_keys(CookieKeys(generation=_GENERATION, keys=keys))
        with side.backend.namespace.entered():
            accept.attach("in")
        return side

    def synproxy(self, name: str) -> Side:
        """nftables."""
        side = self._behind(name)
        side.entry.sysctl(netfilter__nf_conntrack_tcp_loose=0)
        side.entry.run(["nft", "-f", "-"], input=_SYNPROXY)
        self._swallow(side.entry)
        return side

    def server(self, name: str, *, cookies: int) -> Side:
        """A backend of its own, with tcp_syncookies so."""
        number = next(self._numbers)
        namespace = self._namespace(name)
        namespace.sysctl(ipv4__tcp_syncookies=cookies)
        self._join(number, namespace)
        backend = _host(name, namespace, number)
        self._serve(backend, number)
        self._swallow(namespace)
        return Side(name=name, number=number, edge=self.edge, entry=namespace, backend=backend)

    def drop(self, name: str) -> Side:
        """Everything ends in a program of two instructions: the floor."""
        side = self.server(name, cookies=0)
        drop = self._compiled.load("drop")
        side.entry.take_xdp("in", drop)
        os.close(drop)
        return side

    def nowhere(self, name: str) -> Side:
        """Nobody takes frames from the cable: what remains is the sender's own cost."""
        number = next(self._numbers)
        namespace = self._namespace(name)
        cable(self.edge, f"e{number}", namespace, "in")
        backend = _host(name, namespace, number)
        return Side(name=name, number=number, edge=self.edge, entry=namespace, backend=backend)

    def flood(self, side: Side, kind: Kind, **options: Any) -> Flood:
        """One that begins at the edge. `options` are Flood's; sources are those of FLOOD."""
        options = {"sources": [FLOOD], **options}
        flood = Flood(
            self.edge, side.interface, side.mac, to=side.address, port=80, kind=kind, **options
        )
        # On an interface, or the kernel would wait for all CPUs with each slice: runner.ready().
        self.edge.take_xdp("a", flood._program)
        return flood

    def _behind(self, name: str) -> Side:
        """A gateway that routes, and a backend behind it."""
        number = next(self._numbers)
        gateway = self._namespace(f"{name}-gateway")
        namespace = self._namespace(f"{name}-backend")
        gateway.sysctl(ipv4__ip_forward=1)
        self._join(number, gateway)
        cable(gateway, "out", namespace, "in")
        give_addresses(gateway, "out", f"10.8.{number}.1", namespace, "in", f"10.8.{number}.2")
        receive_on(FLOOD_CPU, gateway, "out")
        namespace.netlink.route("add", dst="default", gateway=f"10.8.{number}.1")
        gateway.netlink.route("add", dst=f"{_service(number)}/32", gateway=f"10.8.{number}.2")
        backend = _host(name, namespace, number)
        self._serve(backend, number)
        return Side(name=name, number=number, edge=self.edge, entry=gateway, backend=backend)

    def _join(self, number: int, namespace: Namespace) -> None:
        """A cable from the edge, and the ways over it in both directions."""
        cable(self.edge, f"e{number}", namespace, "in")
        near, far = f"10.9.{number}.1", f"10.9.{number}.2"
        give_addresses(self.edge, f"e{number}", near, namespace, "in", far)
        self.edge.netlink.route("add", dst=f"{_service(number)}/32", gateway=far)
        for network in (CLIENTS, FLOOD):
            namespace.netlink.route("add", dst=str(network), gateway=near)
        namespace.take_xdp("in")
        self.edge.take_xdp(f"e{number}")

    def _serve(self, backend: Host, number: int) -> None:
        backend.own(_service(number))
        nginx.start(self.folder, [backend], [_service(number)])

    def _swallow(self, namespace: Namespace) -> None:
        """What is answered to the flood ends before it leaves: its receipt is not charged."""
        program = self._compiled.load("swallow", kind=syscall.PROG_SCHED_CLS)
        with namespace.entered():
            link = syscall.link_create(program, namespace.index("in"), _TCX_EGRESS)
        self._stack.callback(os.close, link)
        os.close(program)

    def _namespace(self, name: str) -> Namespace:
        namespace = Namespace(f"{self._id}-{name}")
        self._stack.callback(namespace.remove)
        namespace.sysctl(ipv4__conf__all__rp_filter=0, ipv4__conf__default__rp_filter=0)
        return namespace


def _service(number: int) -> IPv4Address:
    return IPv4Address(f"198.51.100.{number}")


def _host(name: str, namespace: Namespace, number: int) -> Host:
    segment = Segment.of(name, f"10.8.{number}.0/24", "fd00::/64", 1500)
    ipv4, ipv6 = segment.addresses(2)
    return Host(name=name, namespace=namespace, segment=segment, ipv4=ipv4, ipv6=ipv6)
