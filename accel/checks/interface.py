"""The preflight of one interface, and of the host's routing rules.

Facts come from `ip -json` and from the ethtool ioctls, so that nothing has to be installed.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import json
import os
import socket
import struct
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from accel.checks.finding import Finding, fail, ok, warn

_SIOCETHTOOL = 0x8946
_GDRVINFO, _GFLAGS = 0x3, 0x25  # include/uapi/linux/ethtool.h
_LRO, _RX_VLAN = 1 << 15, 1 << 8
_NATIVE_MODE = 1 << 2  # XDP_FLAGS_DRV_MODE
_OWN_PROGRAM = "gateway"
_LARGEST_OUTER = {"ipip": 40, "gue": 48}  # IPv6, and IPv6 with UDP
_USUAL_MTU = 1500
_DEFAULT_TABLES = {"local", "main", "default"}
# What drivers with XDP_SETUP_PROG in mainline Linux call themselves to ethtool.
_NATIVE = {
    *("am65-cpsw-nuss", "atlantic", "bnxt_en", "bonding", "cpsw", "ena", "fec", "fsl_dpaa2_eth"),
    *("fsl_enetc", "fsl_enetc_vf", "gve", "hv_netvsc", "i40e", "ice", "igb", "igc", "ixgbe"),
    *("ixgbevf", "lan966x-switch", "mana", "mlx4_en", "mlx5_core", "mtk_soc_eth", "mvneta"),
    *("mvpp2", "netsec", "nfp", "nicvf", "qede", "sfc", "st_gmac", "tsnep", "tun", "veth"),
    *("vif", "virtio_net", "vmxnet3"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """What the kernel says of an interface; `flags` are those of ethtool."""

    name: str
    driver: str
    mtu: int
    up: bool
    flags: int
    programs: tuple[str, ...]
    link_local: bool


def run(interface: str) -> Iterator[Finding]:
    """All probes of one interface."""
    found = look(interface)
    if isinstance(found, Finding):
        yield found
        return
    yield present(found)
    yield attached(found)
    yield native(found, by_doing=found.driver == "veth" and not found.programs)
    yield vlan(found)
    yield lro(found)
    yield mtu(found)
    yield link_local(found)


def look(interface: str) -> Link | Finding:
    """The facts, or why there are none."""
    try:
        socket.if_nametoindex(interface)
    except OSError:
        names = ", ".join(name for _, name in socket.if_nameindex())
        return fail(interface, "there is no such interface", f"name one of {names}")
    try:
        link = _ip("-details", "link", "show", "dev", interface)[0]
        local = _ip("-6", "address", "show", "dev", interface, "scope", "link")
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return warn(interface, "cannot be looked at without ip", "apt install iproute2")
    return Link(
        name=interface,
        driver=_driver(interface),
        mtu=int(link["mtu"]),
        up="UP" in link["flags"],
        flags=_ethtool_value(interface, _GFLAGS),
        programs=_programs(link),
        link_local=any(found.get("addr_info") for found in local),
    )


def _programs(link: dict[str, Any]) -> tuple[str, ...]:
    """The names of the XDP programs on a link, as `ip -details -json link` tells them."""
    found = link.get("xdp", {})
    all_ = [found.get("prog"), *(a.get("prog") for a in found.get("attached", ()))]
    return tuple(str(p.get("name") or p.get("id")) for p in all_ if p)


def present(link: Link) -> Finding:
    """Whether it is up."""
    name = f"{link.name}: link"
    if not link.up:
        return warn(name, "down", f"ip link set {link.name} up")
    return ok(name, f"up, driver {link.driver or 'unknown'}")


def attached(link: Link) -> Finding:
    """Only one XDP program fits, and ours does not push another away."""
    name = f"{link.name}: programs"
    foreign = [p for p in link.programs if p != _OWN_PROGRAM]
    if foreign:
        how = f"take it away: ip link set {link.name} xdp off, or stop the service that owns it"
        return fail(name, f"another XDP program is attached: {', '.join(foreign)}", how)
    return ok(name, "the gateway's own is attached" if link.programs else "no XDP program yet")


def native(link: Link, *, by_doing: bool) -> Finding:
    """By attaching one for a moment where that disturbs nobody, or else by the driver's name."""
    name = f"{link.name}: native XDP"
    if by_doing:
        problem = _try_native(link.name)
        if problem:
            return warn(name, f"tried, and refused: {problem}", "generic mode is used instead")
        return ok(name, f"tried: driver {link.driver} has it")
    if link.driver in _NATIVE:
        return ok(name, f"driver {link.driver} has it (not tried, since that may reset the link)")
    return warn(
        name,
        f"driver {link.driver or 'unknown'} is not known to have it",
        "generic mode is used if it has not, several times slower; attach --mode native tells",
    )


def vlan(link: Link) -> Finding:
    """With rx VLAN offload the card takes the tag off before the program sees the packet."""
    name = f"{link.name}: VLAN offload"
    if link.flags & _RX_VLAN:
        return warn(
            name,
            "on: tags of received packets are taken off before XDP",
            f"if services are reached in a VLAN: ethtool -K {link.name} rxvlan off",
        )
    return ok(name, "off")


def lro(link: Link) -> Finding:
    """Merged packets cannot be forwarded, and many drivers refuse XDP beside LRO."""
    name = f"{link.name}: LRO"
    if link.flags & _LRO:
        return warn(name, "on", f"ethtool -K {link.name} lro off")
    return ok(name, "off")


def mtu(link: Link) -> Finding:
    """Whether a full packet of 1500 bytes fits once it is wrapped."""
    name = f"{link.name}: MTU"
    most = max(_LARGEST_OUTER.values())
    if link.mtu >= _USUAL_MTU + most:
        return ok(name, str(link.mtu))
    fits = ", ".join(f"{link.mtu - size} in {mode}" for mode, size in _LARGEST_OUTER.items())
    return warn(
        name,
        f"{link.mtu}: of packets from clients fit {fits} (over IPv6), and {link.mtu} in l2dsr;"
        " senders of larger ones are told so",
        f"on the way to the backends: ip link set {link.name} mtu {_USUAL_MTU + most}; or let"
        f" backends announce a smaller MSS: ip route change ... advmss {link.mtu - most - 60}",
    )


def link_local(link: Link) -> Finding:
    """Without such an address the kernel asks for no IPv6 neighbour (RFC 4861 7.2.2)."""
    name = f"{link.name}: IPv6"
    if link.link_local:
        return ok(name, "has a link-local address")
    return warn(
        name,
        "no link-local address: no IPv6 backend or router is found behind it",
        f"if any is: sysctl -w net/ipv6/conf/{link.name}/disable_ipv6=0, and ip link set"
        f" {link.name} addrgenmode eui64; it gets one when it is up",
    )


def rules() -> Finding:
    """Next hops are looked up in the main table only."""
    try:
        found = [rule for family in ("-4", "-6") for rule in _ip(family, "rule", "show")]
    except (OSError, subprocess.SubprocessError, ValueError):
        return warn("routing rules", "cannot be looked at without ip", "apt install iproute2")
    return routing_rules(found)


def routing_rules(found: Sequence[dict[str, Any]]) -> Finding:
    """`found` as `ip -json rule` tells them."""
    others = [
        f"{rule.get('priority')}: table {rule.get('table', 'of an action')}"
        for rule in found
        if rule.get("table") not in _DEFAULT_TABLES
    ]
    if others:
        return warn(
            "routing rules",
            f"beyond the default ones: {', '.join(others)}",
            "next hops are looked up in table main: see that the routes to backends are there",
        )
    return ok("routing rules", "the default ones")


def _ip(*arguments: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        ["ip", "-json", *arguments], capture_output=True, check=True, timeout=10, text=True
    )
    found: list[dict[str, Any]] = json.loads(done.stdout or "[]")
    return found


def _driver(interface: str) -> str:
    """The name in struct ethtool_drvinfo, "" if the interface has none."""
    data = bytearray(196)
    struct.pack_into("I", data, 0, _GDRVINFO)
    answer = _ethtool(interface, data)
    return answer[4:36].split(b"\0")[0].decode(errors="replace") if answer else ""


def _ethtool_value(interface: str, command: int) -> int:
    """The value in struct ethtool_value, 0 if the interface has none."""
    answer = _ethtool(interface, bytearray(struct.pack("II", command, 0)))
    return int(struct.unpack("II", answer)[1]) if answer else 0


def _ethtool(interface: str, data: bytearray) -> bytes:
    buffer = array.array("B", data)
    request = struct.pack("16sP", interface.encode(), buffer.buffer_info()[0])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        try:
            fcntl.ioctl(handle, _SIOCETHTOOL, request)
        except OSError:
            return b""
    return buffer.tobytes()


def _try_native(interface: str) -> str:
    """Attach a program that passes everything, for a moment. Why that failed, or ""."""
    from accel.ebpf import syscall

    with contextlib.ExitStack() as stack:
        try:
            code = bytes.fromhex("b7000000020000009500000000000000")
            program = syscall.prog_load(
                syscall.PROG_XDP, code, license="GPL", name="check", attach_type=syscall.ATTACH_XDP
            )
            stack.callback(os.close, program)
            index = socket.if_nametoindex(interface)
            link = syscall.link_create(program, index, syscall.ATTACH_XDP, _NATIVE_MODE)
            stack.callback(os.close, link)  # which takes it off again
        except OSError as error:
            return str(error.strerror)
    return ""
