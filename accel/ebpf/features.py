"""What a kernel does for the gateway, feature by feature: the one table.

`accel check` prints it for this kernel, and the virtual machines write it for several
(docs/kernels.md). A row is added with a probe that does the thing (accel/ebpf/probes.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from accel.ebpf import probes
from accel.errors import HostError


@dataclass(frozen=True, kw_only=True, slots=True)
class Feature:
    """`since` is the kernel that brought it, `use` what it is for. Without a `needed` one the
    gateway does not work; without another one what it is for is refused, and the rest works."""

    name: str
    since: str
    use: str
    needed: bool = False
    probe: Callable[[], None]

    @property
    def fix(self) -> str:
        """What to do where it is missing."""
        without = "the gateway needs it" if self.needed else "the rest works without"
        return f"boot a kernel from {self.since} on for {self.use}; {without}"

    def require(self) -> None:
        """Try it. Raises HostError that names the kernel which has it."""
        try:
            self.probe()
        except OSError as error:
            raise HostError(
                f"this kernel has no {self.name}: {error.strerror}", hint=self.fix
            ) from error


OUTER_HEADERS = Feature(
    name="outer headers", since="4.10", use="modes ipip and gue", needed=True,
    probe=probes.outer_header,
)  # fmt: skip
REDIRECT = Feature(
    name="redirection", since="4.14", use="backends behind another interface, in any mode",
    needed=True, probe=probes.redirect,
)  # fmt: skip
MAPPED_MAPS = Feature(
    name="mapped maps", since="5.5", use="services, backends, flows and counters",
    needed=True, probe=probes.mapped_map,
)  # fmt: skip
LINKS = Feature(
    name="XDP links", since="5.9", use="a new program takes over between two packets",
    needed=True, probe=probes.link,
)  # fmt: skip
PINS = Feature(
    name="bpffs pins", since="4.4", use="the data path outlives the daemon",
    needed=True, probe=probes.pin,
)  # fmt: skip
CONTEXT_RUNS = Feature(
    name="test runs with a context", since="5.18", use="accel explain",
    probe=probes.run_with_context,
)  # fmt: skip
BATCHES = Feature(
    name="batch updates", since="5.6", use="filling large maps at once", probe=probes.batch,
)  # fmt: skip
INNER_MAPS = Feature(
    name="inner maps of any size", since="5.10", use="tables that are swapped as a whole",
    probe=probes.inner_maps,
)  # fmt: skip
RING_BUFFER = Feature(
    name="ring buffers", since="5.8", use="samples of dropped packets", probe=probes.ring_buffer,
)  # fmt: skip
PACKET_COPIES = Feature(
    name="copies of packets' bytes", since="5.18", use="resumption in the report of hints",
    probe=probes.packet_copy,
)  # fmt: skip
RAW_SYN_COOKIES = Feature(
    name="raw SYN cookies", since="6.0", use="guard mode cookie-local", probe=probes.syn_cookie,
)  # fmt: skip
TCX_LINKS = Feature(
    name="TCX links", since="6.6", use="a backend's part of guard mode cookie-backend",
    probe=probes.tcx_link,
)  # fmt: skip
MADE_REQUESTS = Feature(
    name="request sockets by a program", since="6.8",
    use="a backend's part of guard mode cookie-backend", probe=probes.made_request,
)  # fmt: skip

FEATURES = (
    *(OUTER_HEADERS, REDIRECT, MAPPED_MAPS, LINKS, PINS),
    *(CONTEXT_RUNS, BATCHES, INNER_MAPS, RING_BUFFER),
    *(PACKET_COPIES, RAW_SYN_COOKIES, TCX_LINKS, MADE_REQUESTS),
)
