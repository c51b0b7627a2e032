"""The preflight of an interface: link, driver, and the host's routing rules."""

from __future__ import annotations

from typing import Any

import pytest

from accel.checks import interface
from accel.checks.interface import Link
from tests.accel.checks.test_check import complete


def link(**changes: Any) -> Link:
    facts: dict[str, Any] = {
        "name": "eth1",
        "driver": "ixgbe",
        "mtu": 9000,
        "up": True,
        "flags": 0,
        "programs": (),
        "link_local": True,
    }
    return Link(**{**facts, **changes})


@pytest.mark.parametrize(
    ("probe", "changes", "level", "says"),
    [
        ("present", {}, "ok", "up, driver ixgbe"),
        ("present", {"up": False}, "warn", "ip link set eth1 up"),
        ("attached", {}, "ok", "no XDP program yet"),
        ("attached", {"programs": ("gateway",)}, "ok", "the gateway's own"),
        ("attached", {"programs": ("xdp_filter",)}, "fail", "xdp_filter"),
        ("vlan", {}, "ok", "off"),
        ("vlan", {"flags": 1 << 8}, "warn", "ethtool -K eth1 rxvlan off"),
        ("lro", {"flags": 1 << 8}, "ok", "off"),
        ("lro", {"flags": 1 << 15}, "warn", "ethtool -K eth1 lro off"),
        ("mtu", {}, "ok", "9000"),
        ("mtu", {"mtu": 1548}, "ok", "1548"),
        ("mtu", {"mtu": 1547}, "warn", "1507 in ipip, 1499 in gue"),
        ("link_local", {}, "ok", "has a link-local address"),
        ("link_local", {"link_local": False}, "warn", "ip link set eth1 addrgenmode eui64"),
    ],
)
def test_interface(probe: str, changes: dict[str, Any], level: str, says: str) -> None:
    found = getattr(interface, probe)(link(**changes))
    assert found.level == level
    assert says in f"{found.found} {found.fix}"
    assert complete(found)


@pytest.mark.parametrize(("driver", "level"), [("ixgbe", "ok"), ("e1000e", "warn"), ("", "warn")])
def test_native_mode_by_the_driver(driver: str, level: str) -> None:
    found = interface.native(link(driver=driver), by_doing=False)
    assert found.level == level
    assert (driver or "unknown") in found.found
    assert complete(found)


def test_no_such_interface() -> None:
    (found,) = interface.run("nowhere0")
    assert found.level == "fail"
    assert "lo" in found.fix


def test_without_iproute2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    (found,) = interface.run("lo")
    assert (found.level, found.fix) == ("warn", "apt install iproute2")
    assert interface.rules().fix == "apt install iproute2"


def test_routing_rules() -> None:
    usual = [
        {"priority": 0, "src": "all", "table": "local"},
        {"priority": 32766, "src": "all", "table": "main"},
        {"priority": 32767, "src": "all", "table": "default"},
    ]
    assert interface.routing_rules(usual).level == "ok"
    found = interface.routing_rules([*usual, {"priority": 100, "table": "vpn"}])
    assert found.level == "warn"
    assert "100: table vpn" in found.found
