"""The network of the lab: what stands where, and how it is taken down."""

from __future__ import annotations

import atexit
import contextlib
import signal
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from accel.lab import unwrap
from accel.lab.folder import mount_bpffs, remove_folder
from accel.lab.hosts import INTERFACE, SERVICES, Host, Segment, Topology, add_address
from accel.lab.names import PREFIX, unique
from accel.lab.namespace import Namespace, sweep
from accel.lab.servers import nginx
from accel.model.address import Address

_NAT = """
table inet nat {{
  chain out {{
    type nat hook postrouting priority srcnat
    oifname "{outside}" masquerade
  }}
  chain through {{
    type filter hook forward priority filter
    ct state invalid counter drop
  }}
}}
"""


class Lab:
    """The network, up when this returns. A context manager; `close` removes everything.

    It is removed at exit and on SIGTERM too. What a killed process left behind is removed when
    the next lab is built. Raises HostError without the right to make namespaces.
    """

    def __init__(self, topology: Topology | None = None) -> None:
        self.topology = topology or Topology()
        self.clients: list[Host] = []
        self.homes: list[Host] = []
        self.gateways: list[Host] = []
        self.backends: list[Host] = []
        self._id = unique()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{self._id}-"))
        self._namespaces: list[Namespace] = []
        self._owners: dict[str, Namespace] = {}  # of segments: who has the bridge
        self._ports: dict[str, str] = {}
        self._handlers: dict[int, Any] = {}
        self.sweep()
        atexit.register(self.close)
        try:
            self._build()
        except BaseException:
            self.close()
            raise

    @staticmethod
    def sweep() -> list[str]:
        """Remove what labs left behind whose process is gone; returns the namespaces' names."""
        return sweep(PREFIX)

    @property
    def client(self) -> Host:
        return self.clients[0]

    @property
    def gateway(self) -> Host:
        return self.gateways[0]

    @property
    def near(self) -> list[Host]:
        """The backends on the gateway's own segment."""
        return self.backends[: self.topology.near]

    @property
    def far(self) -> list[Host]:
        """The backends behind the router."""
        return self.backends[self.topology.near :]

    def backend(self, name: str) -> Host:
        """The backend called `name`."""
        return next(host for host in self.backends if host.name == name)

    def serve(self, addresses: Sequence[Address], *, hosts: Sequence[Host] | None = None) -> None:
        """Start nginx for these service addresses on `hosts`, by default on every backend."""
        for host in self.backends if hosts is None else hosts:
            for address in addresses:
                host.own(address)
        nginx.start(self.folder, self.backends if hosts is None else hosts, addresses)

    def unwrap(self, hosts: Sequence[Host] | None = None) -> None:
        """Start `accel backend run` on `hosts`, by default on every backend."""
        allow = [str(a) for gateway in self.gateways for a in (gateway.ipv4, gateway.ipv6)]
        unwrap.start(self.backends if hosts is None else hosts, interface=INTERFACE, allow=allow)

    def route_services(self, gateway: Host) -> None:
        """The router sends the packets for all service addresses to this gateway."""
        for network in SERVICES:
            self.router.netlink.route(
                "replace", dst=str(network), gateway=str(gateway.address(network.version))
            )

    def bpffs(self) -> Path:
        """A BPF file system of the lab's own, for what is pinned."""
        return mount_bpffs(self.folder)

    def port(self, host: Host) -> str:
        """The router's interface that leads to this host."""
        return self._ports[host.name]

    def close(self) -> None:
        """End every process and remove every namespace. May be called twice."""
        atexit.unregister(self.close)
        while self._namespaces:
            self._namespaces.pop().remove()
        remove_folder(self.folder)

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGHUP):
                if signal.getsignal(number) is signal.SIG_DFL:  # who handles it ends us, too
                    self._handlers[number] = signal.signal(number, _leave)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with _uninterrupted():
            self.close()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _build(self) -> None:
        topology = self.topology
        clients, near, far = self.segments = (
            Segment.of("clients", "203.0.113.0/24", "2001:db8:c::/48", topology.clients_mtu),
            Segment.of("near", "10.0.1.0/24", "fd00:1::/64", topology.near_mtu),
            Segment.of("far", "10.0.2.0/24", "fd00:2::/64", topology.far_mtu),
        )
        self.router = self._namespace("router", forwarding=True)
        for segment in self.segments:
            self._bridge(self.router, segment)
        for i in range(topology.clients):
            host = self._host(f"client{i + 1}", clients, 10 + i)
            self.clients.append(host)
        for i in range(topology.gateways):
            gateway = self._host(f"gateway{i + 1}", near, 10 + i)
            self.router.take_xdp(self.port(gateway))
            self.gateways.append(gateway)
        for i in range(topology.near + topology.far):
            segment = near if i < topology.near else far
            self.backends.append(self._host(f"b{i + 1}", segment, 101 + i))
        if topology.spare_router:
            self._spare_router(near, far)
        if topology.homes:
            self._homes(clients)
        if self.gateways:
            self.route_services(self.gateway)

    def _namespace(self, name: str, *, forwarding: bool = False) -> Namespace:
        namespace = Namespace(f"{self._id}-{name}")
        self._namespaces.append(namespace)
        for scope in ("all", "default"):
            namespace.sysctl(
                **{
                    f"ipv4__conf__{scope}__rp_filter": 0,
                    f"ipv4__conf__{scope}__arp_ignore": 1,
                    f"ipv4__conf__{scope}__arp_announce": 2,
                    f"ipv4__conf__{scope}__send_redirects": 0,
                    f"ipv4__conf__{scope}__accept_redirects": 0,
                    f"ipv6__conf__{scope}__accept_redirects": 0,
                    f"ipv6__conf__{scope}__accept_dad": 0,
                    f"ipv6__conf__{scope}__accept_ra": 0,
                    f"ipv6__conf__{scope}__forwarding": int(forwarding),
                }
            )
        namespace.sysctl(
            ipv4__ip_forward=int(forwarding),
            ipv4__ping_group_range=0,
            # A test asks for more errors than a well-mannered router may send in a second.
            ipv4__icmp_ratelimit=0,
            ipv6__icmp__ratelimit=0,
            bridge__bridge_nf_call_iptables=0,
        )
        return namespace

    def _bridge(self, owner: Namespace, segment: Segment) -> None:
        self._owners[segment.name] = owner
        link = owner.netlink
        link.link("add", ifname=segment.name, kind="bridge", br_mcast_snooping=0)
        index = owner.index(segment.name)
        for address in segment.addresses(1):
            add_address(owner, index, address, segment.prefix(address))
        link.link("set", index=index, mtu=segment.mtu, state="up")

    def _join(self, namespace: Namespace, segment: Segment, name: str, interface: str) -> int:
        """Lay a cable from the bridge to `interface`; returns the interface's number."""
        owner = self._owners[segment.name]
        port = f"{segment.name[0]}-{name}"
        owner.netlink.link(
            "add",
            ifname=port,
            kind="veth",
            mtu=segment.mtu,
            peer={"ifname": interface, "net_ns_fd": str(namespace.path), "mtu": segment.mtu},
        )
        owner.netlink.link(
            "set",
            index=owner.index(port),
            master=owner.index(segment.name),
            state="up",
        )
        index = namespace.index(interface)
        namespace.netlink.link("set", index=index, state="up")
        # Checksums are written in full: XDP sees, and encapsulates, what really is in the packet.
        owner.offload(port, tx=False)
        namespace.offload(interface, tx=False)
        self._ports[name] = port
        return index

    def _host(self, name: str, segment: Segment, number: int) -> Host:
        namespace = self._namespace(name)
        self._connect(namespace, segment, name, INTERFACE, number)
        ipv4, ipv6 = segment.addresses(number)
        return Host(name=name, namespace=namespace, segment=segment, ipv4=ipv4, ipv6=ipv6)

    def _connect(
        self, namespace: Namespace, segment: Segment, name: str, interface: str, number: int
    ) -> None:
        """Make it host `number` of the segment, with its default route there."""
        index = self._join(namespace, segment, name, interface)
        addresses = zip(segment.addresses(number), segment.addresses(1), strict=True)
        for address, gateway in addresses:
            add_address(namespace, index, address, segment.prefix(address))
            route: dict[str, Any] = {"family": 2 if address.version == 4 else 10}
            if segment.name == "clients":
                # What a client behind a full-size link says, wherever the narrow link is.
                route["metrics"] = {"advmss": 1460 if address.version == 4 else 1440}
            namespace.netlink.route("add", dst="default", gateway=str(gateway), oif=index, **route)

    def _spare_router(self, near: Segment, far: Segment) -> None:
        self.spare = self._namespace("spare", forwarding=True)
        for segment in (near, far):
            index = self._join(self.spare, segment, "spare", segment.name)
            for address in segment.addresses(2):
                add_address(self.spare, index, address, segment.prefix(address))

    def _homes(self, clients: Segment) -> None:
        self.nat = self._namespace("nat", forwarding=True)
        self._connect(self.nat, clients, "nat", clients.name, 250)
        home = Segment.of("home", "192.168.7.0/24", "fd00:7::/64", 1500)
        self._bridge(self.nat, home)
        self.nat.run(["nft", "-f", "-"], input=_NAT.format(outside=clients.name))
        for i in range(self.topology.homes):
            self.homes.append(self._host(f"home{i + 1}", home, 10 + i))


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C waits meanwhile: a second one must not stop the removal half way."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
