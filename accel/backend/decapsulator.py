"""The backend's side: IPIP and GUE unwrapped in XDP, for hosts with or without tunnel modules.

The program (bpf/programs/decap.bpf.c) takes the outer header off packets that an allowed source
sent to one of this host's addresses. Everything else it leaves to the host untouched.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import socket
import struct
from collections.abc import Iterable, Sequence

from pyroute2 import IPRoute

from accel.backend.verdicts import Counts, read_counts, read_verdicts
from accel.datapath.encode import address_bytes
from accel.ebpf import syscall
from accel.ebpf.links import Attachment, Links
from accel.ebpf.loader import compile_bpf
from accel.errors import AccelError, HostError, InvalidError
from accel.model.address import Address
from accel.model.backend import DEFAULT_GUE_PORT

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_ADDRESSES = 4096
_log = logging.getLogger(__name__)


VERDICTS = read_verdicts("maps/decap_verdicts.h")


def defines(prefixes: int, gue_port: int = DEFAULT_GUE_PORT) -> dict[str, int]:
    """What the C is compiled with, for so many prefixes of gateways."""
    return {"GUE_PORT": gue_port, "MAX_PREFIXES": prefixes, "MAX_ADDRESSES": MAX_ADDRESSES}


class Decap:
    """The loaded program. It ends with this object: nothing is pinned.

    Raises HostError and ProgramError if it cannot be loaded.
    """

    def __init__(self, *, allow: Sequence[Network], gue_port: int = DEFAULT_GUE_PORT) -> None:
        if not allow:
            raise InvalidError("allow", "is empty", hint="name the gateways' outer addresses")
        if not 1 <= gue_port <= 65535:
            raise InvalidError("gue_port", f"{gue_port} is not from 1 to 65535")
        self._compiled = compile_bpf("programs/decap.bpf.c", defines=defines(len(allow), gue_port))
        self._program = self._compiled.load("decap")
        self._links = Links(None)
        self._own: set[Address] = set()
        for network in allow:
            bits = network.prefixlen + (96 if network.version == 4 else 0)
            key = struct.pack("=I", bits) + address_bytes(network.network_address)
            syscall.map_update(self._compiled.map_fd("allowed"), key, bytes(4))

    def own(self, addresses: Iterable[Address]) -> None:
        """Unwrap what is sent to these outer destinations, and to no others."""
        wanted = set(addresses)
        if len(wanted) > MAX_ADDRESSES:
            raise InvalidError("addresses", f"{len(wanted)} are more than {MAX_ADDRESSES}")
        fd = self._compiled.map_fd("own")
        for address in wanted - self._own:
            syscall.map_update(fd, address_bytes(address), bytes(4))
        for address in self._own - wanted:
            syscall.map_delete(fd, address_bytes(address))
        self._own = wanted

    def attach(self, interface: str, mode: str = "auto") -> Attachment:
        """As accel.ebpf.links.Links.attach: "auto", "native" or "generic"."""
        return self._links.attach(self._program, interface, mode)

    def run(self, frame: bytes) -> syscall.TestRun:
        """One frame through the program, by BPF_PROG_TEST_RUN. It is counted as any other."""
        return syscall.prog_test_run(self._program, frame)

    def counts(self) -> Counts:
        """Packets and bytes by verdict."""
        return read_counts(self._compiled.map_fd("verdicts"), VERDICTS)

    def close(self) -> None:
        """Detach and unload."""
        self._links.close()
        os.close(self._program)


class Unwrapping:
    """The program at work on one interface: a part of `accel backend run`.

    `allow` are the prefixes of outer sources. The outer destinations are `addresses`, or those of
    the interface, followed while it runs. Raises InvalidError, NotFoundError and HostError.
    """

    def __init__(
        self,
        *,
        interface: str,
        allow: Sequence[str],
        gue_port: int = DEFAULT_GUE_PORT,
        addresses: Sequence[Address] = (),
        mode: str = "auto",
    ) -> None:
        self._interface = interface
        self._addresses = set(addresses)
        self._known: set[Address] | None = None
        self._decap = Decap(allow=parse_prefixes(allow), gue_port=gue_port)
        try:
            self._attachment = self._decap.attach(interface, mode)
        except AccelError:
            self._decap.close()
            raise
        if self._attachment.warning:
            _log.warning("%s", self._attachment.warning)

    def refresh(self) -> None:
        """Follow the interface's addresses. Raises HostError if it is gone."""
        found = self._addresses or addresses_of(self._interface)
        if found != self._known:
            self._decap.own(found)
            self._known = found
            _log.info("%s", _status(self._attachment, found))

    def counts(self) -> Counts:
        """Packets and bytes by verdict."""
        return self._decap.counts()

    def close(self) -> None:
        """Detach and unload."""
        self._decap.close()


def parse_prefixes(texts: Sequence[str]) -> list[Network]:
    """From their text forms; an address is a prefix of its full length. Raises InvalidError."""
    prefixes: list[Network] = []
    for i, text in enumerate(texts):
        try:
            prefixes.append(ipaddress.ip_network(text))
        except ValueError as error:
            raise InvalidError(
                f"allow[{i}]", f"{error}", hint="write it as 10.0.0.0/24, 10.0.0.1 or fd00::/64"
            ) from None
    return prefixes


def addresses_of(interface: str) -> set[Address]:
    """The addresses that the interface has now. Raises HostError if it is gone."""
    with IPRoute() as netlink:
        try:
            index = socket.if_nametoindex(interface)
        except OSError:
            raise HostError(
                f"interface {interface!r} is gone", hint="start again when it is back"
            ) from None
        found = netlink.get_addr(index=index)
        texts = [m.get("local") or m.get("address") for m in found]
    return {ipaddress.ip_address(text) for text in texts}


def _status(attachment: Attachment, addresses: set[Address]) -> str:
    listed = ", ".join(sorted(str(a) for a in addresses)) or "no address yet"
    return f"unwrapping on {attachment.interface} ({attachment.xdp_mode}) for {listed}"
