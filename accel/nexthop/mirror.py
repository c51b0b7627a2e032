"""Where a frame for an address leaves this host, from a mirror of the kernel's tables.

No I/O: accel.nexthop.follower fills the mirror and asks it. What is looked up, in this order:

    address ─▶ route (local, then main table) ─▶ leg ─▶ link ─▶ neighbour ─▶ NextHop
                  longest prefix, least metric     VLAN device: its parent and a tag

Each step that fails gives an Unresolved that says what to do. Policy rules, other tables and
routes for a type of service or a source prefix are not looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from accel.model.address import Address
from accel.model.placement import NextHop
from accel.nexthop.tables import Leg, Link, LinkAddress, Route, RouteType, Table

NeighbourKey = tuple[int, Address]  # index of the link, address of the neighbour


@dataclass(frozen=True, kw_only=True, slots=True)
class Unresolved:
    """No next hop, and why. With `probe` the kernel can be asked to look for that neighbour."""

    problem: str
    probe: NeighbourKey | None = None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Path:
    """All of a next hop but the neighbour's MAC address."""

    neighbour: NeighbourKey
    out: Link  # where the frame leaves
    link: Link  # what the route names: `out`, or a VLAN device of it
    mtu: int
    source: Address | None


class Mirror:
    """Links, addresses, routes and neighbours, and what follows from them.

    The first three are replaced as a whole, neighbours one by one. Answers are cached until
    something that they could depend on changes.
    """

    def __init__(self) -> None:
        self._links: dict[int, Link] = {}
        self._addresses: list[LinkAddress] = []
        self._prefixes: dict[tuple[int, Table], _Prefixes] = {}
        self._neighbours: dict[NeighbourKey, bytes] = {}
        self._paths: dict[Address, Path | Unresolved] = {}
        self._routes: list[Route] = []
        self._by_leg: dict[tuple[int, Address | None], Path | Unresolved] = {}
        self._answers: dict[Path, NextHop | Unresolved] = {}

    def replace(
        self, links: Iterable[Link], addresses: Iterable[LinkAddress], routes: Iterable[Route]
    ) -> bool:
        """Take these for all that there are. Whether that is a change.

        Forgets the neighbours of links that are gone.
        """
        before = self._links, self._addresses, self._routes
        self._links = {link.index: link for link in links}
        self._addresses, self._routes = list(addresses), list(routes)
        if before == (self._links, self._addresses, self._routes):
            return False
        self._prefixes = {
            (version, table): _Prefixes(32 if version == 4 else 128)
            for version in (4, 6)
            for table in Table
        }
        for route in self._routes:
            self._prefixes[route.destination.version, route.table].add(route)
        self._neighbours = {k: mac for k, mac in self._neighbours.items() if k[0] in self._links}
        self._paths.clear()
        self._by_leg.clear()
        self._answers.clear()
        return True

    def put_neighbour(self, key: NeighbourKey, mac: bytes | None) -> bool:
        """Set the MAC address of a neighbour, None for not known. Whether that is a change."""
        if self._neighbours.get(key) == mac:
            return False
        if mac is None:
            del self._neighbours[key]
        else:
            self._neighbours[key] = mac
        self._answers.clear()
        return True

    def knows(self, key: NeighbourKey) -> bool:
        """Whether the MAC address of a neighbour is known."""
        return key in self._neighbours

    def neighbours(self) -> set[NeighbourKey]:
        """All that are known."""
        return set(self._neighbours)

    def resolve(self, address: Address) -> NextHop | Unresolved:
        """Where a frame for `address` leaves, or why it cannot."""
        path = self.path(address)
        if isinstance(path, Unresolved):
            return path
        answer = self._answers.get(path)
        if answer is None:
            answer = self._answers[path] = self._with_neighbour(path)
        return answer

    def path(self, address: Address) -> Path | Unresolved:
        """The same without the neighbour."""
        path = self._paths.get(address)
        if path is None:
            path = self._paths[address] = self._find_path(address)
        return path

    def _find_path(self, address: Address) -> Path | Unresolved:
        for table in (Table.LOCAL, Table.MAIN):
            prefixes = self._prefixes.get((address.version, table))
            route = prefixes.find(address) if prefixes else None
            if route:
                break
        else:
            return Unresolved(
                problem=f"this host has no route to {address}: add one (ip route add), "
                "or correct the address"
            )
        if route.type != RouteType.UNICAST:
            return Unresolved(problem=_REFUSALS[route.type].format(address))
        leg = next((leg for leg in route.legs if self._is_up(leg.link)), route.legs[0])
        # Everything behind one router shares one path.
        key = (id(route), None if leg.gateway else address)
        path = self._by_leg.get(key)
        if path is None:
            path = self._by_leg[key] = self._follow(address, route, leg)
        return path

    def _is_up(self, index: int) -> bool:
        link = self._links.get(index)
        return link is not None and link.up

    def _follow(self, address: Address, route: Route, leg: Leg) -> Path | Unresolved:
        link = self._links.get(leg.link)
        if link is None:
            return Unresolved(problem=f"the interface of the route {route.destination} is gone")
        out = self._links.get(link.parent) if link.vlan else link
        problem = _link_problem(link, out)
        if leg.tunnel:
            problem = f"the route {route.destination} has an encapsulation of the kernel's (encap)"
        if problem or out is None:
            return Unresolved(problem=problem)
        via = leg.gateway or address
        return Path(
            neighbour=(link.index, via),
            out=out,
            link=link,
            mtu=min(link.mtu, out.mtu, route.mtu or link.mtu),
            source=route.source or self._source(link, via, address.version),
        )

    def _source(self, link: Link, via: Address, version: int) -> Address | None:
        """On the next hop's own network, else on its link, else anywhere; the first of each."""
        best = min(
            (a for a in self._addresses if a.interface.version == version),
            key=lambda a: (a.link != link.index, via not in a.interface.network),
            default=None,
        )
        return best.interface.ip if best else None

    def _with_neighbour(self, path: Path) -> NextHop | Unresolved:
        mac = self._neighbours.get(path.neighbour)
        if mac is None:
            protocol = "ARP" if path.neighbour[1].version == 4 else "neighbour discovery"
            return Unresolved(
                problem=f"{path.neighbour[1]} does not answer {protocol} on {path.link.name}: "
                "see that it is up and on that network; it is asked again and again",
                probe=path.neighbour,
            )
        return NextHop(
            ifindex=path.out.index,
            interface=path.out.name,
            mac=mac,
            source_mac=path.link.mac,
            mtu=path.mtu,
            vlan=path.link.vlan,
            source=path.source,
        )


class _Prefixes:
    """The routes of one table and family: a dict for each prefix length, the longest first."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._lengths: list[tuple[int, dict[int, Route]]] = []
        self._by_length: dict[int, dict[int, Route]] = {}

    def add(self, route: Route) -> None:
        """The first of several with the least metric counts, as in the kernel."""
        if route.type == RouteType.UNICAST and not route.legs:
            return  # all of its legs are dead: the kernel goes on to the next best
        length = route.destination.prefixlen
        if length not in self._by_length:
            self._by_length[length] = {}
            self._lengths = [
                (self._bits - n, self._by_length[n]) for n in sorted(self._by_length, reverse=True)
            ]
        routes = self._by_length[length]
        prefix = int(route.destination.network_address) >> (self._bits - length)
        if prefix not in routes or route.metric < routes[prefix].metric:
            routes[prefix] = route

    def find(self, address: Address) -> Route | None:
        """The longest prefix that has `address`."""
        value = int(address)
        for shift, routes in self._lengths:
            route = routes.get(value >> shift)
            if route:
                return route
        return None


def _link_problem(link: Link, out: Link | None) -> str:
    """Why no frame can leave there, or nothing."""
    if out is None:
        return f"the parent interface of {link.name} is not in this network namespace"
    for each in (link, out):
        if not each.up:
            return f"{each.name} is down or has no carrier: ip link set {each.name} up"
    if not link.ethernet or not out.ethernet:
        return f"the route leaves by {link.name}, which is no Ethernet: give it one that is"
    if link.vlan and (out.vlan or link.vlan_protocol != 0x8100):
        return f"{link.name} is a stacked or 802.1ad VLAN; only one 802.1Q tag is pushed"
    return ""


_NO_WAY = "the route to {0} is %s: change that route (ip route get {0})"
_REFUSALS = defaultdict(
    lambda: "{0} is a broadcast, anycast or multicast address: give a backend's own",
    {
        RouteType.LOCAL: "{0} is an address of this host: use mode local",
        RouteType.BLACKHOLE: _NO_WAY % "blackhole",
        RouteType.UNREACHABLE: _NO_WAY % "unreachable",
        RouteType.PROHIBIT: _NO_WAY % "prohibit",
        RouteType.THROW: _NO_WAY % "throw",
    },
)
