"""The gateway's interface is a bond of two cables: it is attached to the bond, and one may fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest

from accel.errors import HostError, NotFoundError
from accel.lab.clients.requests import curl
from accel.lab.hosts import INTERFACE
from accel.model.backend import Mode
from tests.support.wire.machine_network import Network, ip
from tests.support.wire.steering import a_service, errors, its_backends, spread, url

SECOND = "second"  # the other cable, at both ends


@pytest.fixture(params=["active-backup", "balance-xor"])
def bonded(network: Network, request: pytest.FixtureRequest) -> Iterator[Network]:
    lab, client = network.lab, network.daemon.client
    gateway, router = lab.gateway.namespace, lab.router
    ip(gateway, "link", "add", "bond", "type", "bond", "mode", request.param, "miimon", "50")
    client.detach(INTERFACE)
    # A bridge takes the lowest address of its ports', and nobody would be told of another one.
    bridge = router.netlink.get_links(router.index("near"))[0].get("address")
    router.netlink.link("set", index=router.index("near"), address=bridge)
    try:
        ip(router, "link", "add", SECOND, "type", "veth", "peer", SECOND, "netns", gateway.name)
        ip(router, "link", "set", SECOND, "master", "near", "up")
        router.offload(SECOND, tx=False)
        router.take_xdp(SECOND)
        for cable in (INTERFACE, SECOND):
            ip(gateway, "link", "set", cable, "down")
            ip(gateway, "address", "flush", "dev", cable)
            ip(gateway, "link", "set", cable, "master", "bond")
        gateway.offload(SECOND, tx=False)
        move(network, "bond")
        attached, warning = client.attach("bond")
        assert attached.xdp_mode == "native" or warning
        yield network
    except HostError as error:
        pytest.skip(f"no XDP on bonds in this kernel: {error.message}")
    finally:
        with suppress(NotFoundError):  # the next bond is not to be attached by itself
            client.detach("bond")
        gateway.run(["ip", "link", "delete", "bond"], check=False)
        gateway.run(["ip", "link", "delete", SECOND], check=False)
        move(network, INTERFACE)
        client.attach(INTERFACE)


def move(network: Network, interface: str) -> None:
    """The gateway's addresses and routes are at `interface`."""
    gateway = network.lab.gateway
    segment = gateway.segment
    ip(gateway.namespace, "link", "set", interface, "up")
    for address, router in zip((gateway.ipv4, gateway.ipv6), segment.addresses(1), strict=True):
        nodad = ["nodad"] if address.version == 6 else []
        where = f"{address}/{segment.prefix(address)}"
        ip(gateway.namespace, "address", "replace", where, "dev", interface, *nodad)
        ip(gateway.namespace, f"-{address.version}", "route", "replace", "default",
           "via", str(router), "dev", interface)  # fmt: skip


def test_requests_are_answered_by_either_cable(bonded: Network) -> None:
    lab, daemon = bonded.lab, bonded.daemon
    for version in (4, 6):
        service = a_service(version)
        daemon.apply([service], its_backends(service, lab.backends, Mode.IPIP))
        for failed in (INTERFACE, SECOND, None):
            for cable in (INTERFACE, SECOND):
                state = "down" if cable == failed else "up"
                ip(lab.gateway.namespace, "link", "set", cable, state)
            answers = curl(lab.client, [url(service.address)] * 40, timeout=60)
            assert errors(answers) == {}, failed
            assert set(spread(answers)) == {host.name for host in lab.backends}
