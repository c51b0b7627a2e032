"""Cables between namespaces that floods go over, and what has come out of them."""

from __future__ import annotations

import subprocess
from ipaddress import ip_address

from accel.lab.hosts import add_address
from accel.lab.namespace import Namespace


def cable(near: Namespace, one: str, far: Namespace, other: str) -> None:
    """A veth pair from one namespace's interface to another's, both up."""
    near.netlink.link(
        "add", ifname=one, kind="veth", peer={"ifname": other, "net_ns_fd": str(far.path)}
    )
    for namespace, interface in ((near, one), (far, other)):
        namespace.netlink.link("set", index=namespace.index(interface), state="up")
        namespace.offload(interface, tx=False)


def give_addresses(
    near: Namespace, one: str, its: str, far: Namespace, other: str, others: str
) -> None:
    """Their addresses; no flood delays an ARP request."""
    for at, interface, address, peer, mac in (
        (near, one, its, others, mac_of(far, other)),
        (far, other, others, its, mac_of(near, one)),
    ):
        index = at.index(interface)
        add_address(at, index, ip_address(address), 24)
        at.netlink.neigh("replace", ifindex=index, dst=peer, lladdr=mac, state="permanent")


def receive_on(cpu: int, namespace: Namespace, interface: str) -> None:
    """What comes from processes on another CPU goes on where the flood is too, as from a card.

    A veth runs its receiver's NAPI where the sender is. If it is the clients' CPU's turn, which
    has more to do, the flood would overflow the queue of 256 frames meanwhile.
    """
    write = f"echo {1 << cpu:x} > /sys/class/net/{interface}/queues/rx-0/rps_cpus"
    # With a /sys of the namespace, as `ip netns exec` mounts it.
    subprocess.run(["ip", "netns", "exec", namespace.name, "sh", "-c", write], check=True)


def mac_of(namespace: Namespace, interface: str) -> str:
    """Its address."""
    link = namespace.netlink.get_links(namespace.index(interface))[0]
    return str(link.get("address"))


def received(namespace: Namespace, interface: str) -> int:
    """Frames that have come in by it so far."""
    link = namespace.netlink.get_links(namespace.index(interface))[0]
    return int(link.get("stats64")["rx_packets"])
