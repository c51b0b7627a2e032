"""The program of `accel backend run`, and a namespace whose listeners its test runs find."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from accel.backend.cookie_acceptor import FORMER_SECONDS, Accept
from accel.ebpf import probes
from accel.lab.names import unique
from accel.lab.namespace import Namespace
from tests.support.guard.acceptor import FAMILY, NOWS, SERVER, keys


@pytest.fixture(scope="module")
def home() -> Iterator[Namespace]:
    """Where test runs look for sockets: a namespace that nobody else listens in."""
    with Namespace(f"{unique()}-accept") as namespace:
        yield namespace


@pytest.fixture(scope="module")
def listening(home: Namespace) -> Iterator[dict[int, int]]:
    """A listener over each version, by its port."""
    with home.entered():
        made = {v: socket.create_server((SERVER[v], 0), family=FAMILY[v]) for v in (4, 6)}
    yield {version: listener.getsockname()[1] for version, listener in made.items()}
    for listener in made.values():
        listener.close()


@pytest.fixture(scope="module")
def opened() -> Iterator[Accept]:
    """The program, whose clock is NOWS."""
    try:
        probes.made_request()
    except OSError as error:
        pytest.skip(f"this kernel makes no request sockets by a program: {error.strerror}")
    accept = Accept(clock=lambda: NOWS[0])
    yield accept
    accept.close()


@pytest.fixture
def accept(opened: Accept) -> Accept:
    opened.set_keys(keys())
    NOWS[0] += FORMER_SECONDS  # nothing of an earlier test is valid
    opened.forget_former()
    return opened
