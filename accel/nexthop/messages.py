"""The kernel's rtnetlink messages as values, and the few that are sent.

No I/O. pyroute2 decodes the attributes; the framing is here, because one datagram holds many
messages and most events need only their type. Numbers are those of linux/rtnetlink.h,
linux/if_link.h and linux/neighbour.h.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.ndmsg import ndmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from accel.model.address import Address
from accel.nexthop.mirror import NeighbourKey
from accel.nexthop.tables import Leg, Link, LinkAddress, Route, RouteType, Table

NLMSG_ERROR, NLMSG_DONE = 2, 3
RTM_NEWLINK, RTM_GETLINK = 16, 18
RTM_NEWADDR, RTM_GETADDR = 20, 22
RTM_NEWROUTE, RTM_GETROUTE = 24, 26
RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH = 28, 29, 30

_HEADER = struct.Struct("IHHII")  # struct nlmsghdr: length, type, flags, sequence, port
_NDMSG = struct.Struct("BxxxiHBB")  # struct ndmsg
_ATTRIBUTE = struct.Struct("HH")  # struct nlattr

_NLM_F_REQUEST, _NLM_F_CREATE, _NLM_F_DUMP = 0x1, 0x400, 0x300
NLM_F_DUMP_INTR = 0x10

_IFF_UP, _IFF_RUNNING = 0x1, 0x40
_ARPHRD_ETHER = 1
_RTNH_F_DEAD = 0x1
_RTM_F_CLONED = 0x200
_RT_SCOPE_UNIVERSE = 0
# Secondary (IPv4) or temporary (IPv6), failed DAD, deprecated, tentative.
_IFA_F_UNFIT = 0x01 | 0x08 | 0x20 | 0x40
_NTF_USE, _NTF_PROXY = 0x01, 0x08
_NUD_USABLE = 0x02 | 0x04 | 0x08 | 0x10 | 0x40 | 0x80  # reachable to probe, noarp, permanent
_NUD_PERMANENT = 0x80
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}


@dataclass(frozen=True, slots=True)
class Message:
    """One message in a datagram."""

    kind: int  # RTM_… or NLMSG_…
    flags: int
    sequence: int
    data: bytes  # the datagram
    offset: int

    @property
    def error(self) -> int:
        """The errno of an NLMSG_ERROR."""
        return -int(struct.unpack_from("i", self.data, self.offset + _HEADER.size)[0])

    def decode(self, cls: type[Any]) -> Any:
        """By one of pyroute2's classes."""
        message = cls(self.data, offset=self.offset)
        message.decode()
        return message


def split(data: bytes) -> Iterator[Message]:
    """The messages of a datagram."""
    offset = 0
    while offset + _HEADER.size <= len(data):
        length, kind, flags, sequence, _ = _HEADER.unpack_from(data, offset)
        yield Message(kind, flags, sequence, data, offset)
        offset += (max(length, _HEADER.size) + 3) & ~3


def dump_request(kind: int, sequence: int) -> bytes:
    """Ask for all objects of a RTM_GET… kind, of any family."""
    body = bytes({RTM_GETLINK: 16, RTM_GETADDR: 8, RTM_GETROUTE: 12, RTM_GETNEIGH: 12}[kind])
    return _HEADER.pack(16 + len(body), kind, _NLM_F_REQUEST | _NLM_F_DUMP, sequence, 0) + body


def probe_request(key: NeighbourKey) -> bytes:
    """Have the kernel find or confirm a neighbour, as if a packet were sent to it.

    Answered only if it fails. Does nothing to a neighbour that is known and fresh, but makes the
    kernel (5.16 up) forget one that `is_static`: do not ask for those.
    """
    link, address = key
    packed = address.packed
    body = _NDMSG.pack(_FAMILIES[address.version], link, 0, _NTF_USE, 0)
    body += _ATTRIBUTE.pack(_ATTRIBUTE.size + len(packed), 1) + packed  # NDA_DST
    flags = _NLM_F_REQUEST | _NLM_F_CREATE
    return _HEADER.pack(_HEADER.size + len(body), RTM_NEWNEIGH, flags, 0, 0) + body


def read_link(message: Message) -> Link:
    """From RTM_NEWLINK."""
    m = message.decode(ifinfmsg)
    info = m.get_attr("IFLA_LINKINFO")
    vlan = info.get_attr("IFLA_INFO_DATA") if _kind(info) == "vlan" else None
    up = _IFF_UP | _IFF_RUNNING
    # A parent in another namespace has an index there, which may be another link's here.
    foreign = m.get_attr("IFLA_LINK_NETNSID") is not None
    return Link(
        index=m["index"],
        name=m.get_attr("IFLA_IFNAME"),
        mac=_mac(m.get_attr("IFLA_ADDRESS")) or bytes(6),
        mtu=m.get_attr("IFLA_MTU") or 0,
        up=m["flags"] & up == up,
        ethernet=m["ifi_type"] == _ARPHRD_ETHER,
        vlan=vlan.get_attr("IFLA_VLAN_ID") if vlan else 0,
        vlan_protocol=(vlan.get_attr("IFLA_VLAN_PROTOCOL") if vlan else None) or 0x8100,
        parent=0 if foreign else m.get_attr("IFLA_LINK") or 0,
    )


def read_address(message: Message) -> LinkAddress | None:
    """From RTM_NEWADDR; None if it is no address to send from."""
    m = message.decode(ifaddrmsg)
    flags = m.get_attr("IFA_FLAGS") or m["flags"]
    text = m.get_attr("IFA_LOCAL") or m.get_attr("IFA_ADDRESS")
    if text is None or flags & _IFA_F_UNFIT or m["scope"] != _RT_SCOPE_UNIVERSE:
        return None
    return LinkAddress(link=m["index"], interface=ip_interface(f"{text}/{m['prefixlen']}"))


def read_route(message: Message) -> Route | None:
    """From RTM_NEWROUTE; None if it is not one that is looked at."""
    m = message.decode(rtmsg)
    table = m.get_attr("RTA_TABLE") or m["table"]
    if (
        table not in (Table.MAIN, Table.LOCAL)
        or m["family"] not in _FAMILIES.values()
        or m["type"] not in RouteType.__members__.values()
        or m["flags"] & _RTM_F_CLONED
        or m["tos"]
        or m["src_len"]
    ):
        return None
    nowhere = "0.0.0.0" if m["family"] == socket.AF_INET else "::"
    metrics = m.get_attr("RTA_METRICS")
    legs = m.get_attr("RTA_MULTIPATH") or [m]
    source = m.get_attr("RTA_PREFSRC")
    return Route(
        destination=ip_network((m.get_attr("RTA_DST") or nowhere, m["dst_len"])),
        legs=tuple(_leg(leg) for leg in legs if not leg["flags"] & _RTNH_F_DEAD),
        table=Table(table),
        type=RouteType(m["type"]),
        metric=m.get_attr("RTA_PRIORITY") or 0,
        source=ip_address(source) if source else None,
        mtu=(metrics.get_attr("RTAX_MTU") if metrics else None) or 0,
    )


def read_neighbour(message: Message) -> tuple[NeighbourKey, bytes | None] | None:
    """From RTM_NEWNEIGH or RTM_DELNEIGH: its MAC address, None inside if there is none to use."""
    m = message.decode(ndmsg)
    if m["family"] not in _FAMILIES.values() or m["flags"] & _NTF_PROXY:
        return None
    mac = _mac(m.get_attr("NDA_LLADDR"))
    usable = message.kind == RTM_NEWNEIGH and m["state"] & _NUD_USABLE
    return (m["ifindex"], ip_address(m.get_attr("NDA_DST"))), mac if usable else None


def is_static(message: Message) -> bool:
    """Whether a RTM_NEWNEIGH tells of a neighbour that somebody has set by hand (NUD_PERMANENT)."""
    _, _, state, _, _ = _NDMSG.unpack_from(message.data, message.offset + _HEADER.size)
    return message.kind == RTM_NEWNEIGH and bool(state & _NUD_PERMANENT)


def _leg(message: Any) -> Leg:
    """From a route, or from one of its RTA_MULTIPATH."""
    via = message.get_attr("RTA_VIA")
    gateway = via["addr"] if via else message.get_attr("RTA_GATEWAY")
    link = message.get("oif") or message.get_attr("RTA_OIF") or 0
    return Leg(
        link=link,
        gateway=_gateway(gateway),
        tunnel=message.get_attr("RTA_ENCAP_TYPE") is not None,
    )


def _gateway(text: str | None) -> Address | None:
    return ip_address(text) if text and text != "::" else None


def _kind(info: Any) -> str | None:
    return info.get_attr("IFLA_INFO_KIND") if info else None


def _mac(text: str | None) -> bytes | None:
    """Six bytes, or None for anything else: other link layers have other lengths."""
    raw = bytes.fromhex(text.replace(":", "")) if text else b""
    return raw if len(raw) == 6 else None
