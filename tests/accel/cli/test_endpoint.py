"""How services, backends and ends of connections are written."""

from __future__ import annotations

import re

import pytest

from accel.cli.endpoint import backend_name, end, target
from accel.cli.gateway.interfaces import duration
from accel.errors import InvalidError


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("192.0.2.1:443", ("192.0.2.1", 443)),
        ("[2001:db8::1]:0", ("2001:db8::1", 0)),
        ("192.0.2.1:65535", ("192.0.2.1", 65535)),
    ],
)
def test_ends_of_connections(text: str, where: tuple[str, int]) -> None:
    address, port = end(text, "--from")
    assert (str(address), port) == where


@pytest.mark.parametrize(
    "text",
    [
        *("", ":1", "[]:1", "192.0.2.1", "192.0.2.1:", "192.0.2.1:8O", "192.0.2:80", "host:80"),
        *(
            "192.0.2.1:65536",
            "192.0.2.1:99999",
            "2001:db8::1:80",
            "[192.0.2.1]:80",
            "[2001:db8::1]",
        ),
    ],
)
def test_ends_that_are_none(text: str) -> None:
    with pytest.raises(InvalidError) as caught:
        end(text, "--from")
    assert caught.value.field == "--from"
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "service", "address", "port", "protocol"),
    [
        ("api", "api", None, 0, None),
        ("api.v1-2_3", "api.v1-2_3", None, 0, None),
        ("dns:53", "dns", None, 53, None),
        ("192.0.2.1:443", "", "192.0.2.1", 443, "TCP"),
        ("192.0.2.1:443/udp", "", "192.0.2.1", 443, "UDP"),
        ("[2001:db8::1]:53/tcp", "", "2001:db8::1", 53, "TCP"),
    ],
)
def test_targets(
    text: str, service: str, address: str | None, port: int, protocol: str | None
) -> None:
    found = target(text, "--to")
    assert (found.service, found.port) == (service, port)
    assert (str(found.address) if found.address else None) == address
    assert (found.protocol.name if found.protocol else None) == protocol


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("192.0.2.1", "has no port"),
        ("2001:db8::1", "has no port"),
        ("192.0.2.1/tcp", "has no port"),
        ("192.0.2.1:443/sctp", "'sctp' is neither tcp nor udp"),
        ("api/b1", "'b1' is neither tcp nor udp"),
        ("API", "is not a name"),
        ("dns:65536", "is not a port"),
        ("dns:x", "is not a port"),
        ("", "is missing"),
    ],
)
def test_targets_that_are_none(text: str, says: str) -> None:
    with pytest.raises(InvalidError, match=re.escape(says)):
        target(text, "--to")


def test_backend_names() -> None:
    assert backend_name("api/b.1") == ("api", "b.1")
    for text in ("api", "/b", "api/", "api/b/c", ""):
        with pytest.raises(InvalidError):
            backend_name(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (7, "7s"), (67, "1m 7s"), (3600, "1h"), (90061, "1d 1h"), (86400 * 40, "40d")],
)
def test_durations(seconds: int, text: str) -> None:
    assert duration(seconds) == text
