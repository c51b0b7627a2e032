"""The reference model: what is decided about a packet, and how it leaves for its backend."""

from __future__ import annotations

from dataclasses import dataclass, replace

from accel.model.backend import Mode
from accel.model.placement import PlacedBackend
from tests.model.leaving_model import overhead, to_backend, too_big
from tests.model.packet_model import Headers

INGRESS = 1  # where test runs come in
PASSED = {"NOT_SERVICE", "NOT_IP", "MALFORMED", "ICMP_OTHER"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What is to be seen of a packet's way; `frame` None for one that is dropped."""

    verdict: str
    action: str
    frame: bytes | None
    service: int = 0
    backend: int = 0
    slot: int | None = None
    ifindex: int = 0
    hint: str = ""


def forward(
    frame: bytes,
    ip: Headers,
    backend: PlacedBackend,
    tag: int,
    verdict: str,
    *,
    quoted: bool,
) -> Decision:
    """How it leaves for its backend, if it does; `quoted` for an ICMP error."""
    hop = backend.next_hop
    if backend.backend.mode is Mode.LOCAL:
        return Decision(verdict=verdict, action="XDP_PASS", frame=frame)
    if hop is None:
        return ended("NO_NEXT_HOP", frame)
    extra = overhead(backend)
    if extra and ip.end - ip.start + extra > hop.mtu:
        if quoted:  # no error about an error: RFC 1122 3.2.2
            return replace(ended("TOO_BIG_LIMITED", frame), ifindex=hop.ifindex)
        answer = too_big(frame, ip, hop.mtu - extra)
        return Decision(verdict="TOO_BIG", action="XDP_TX", frame=answer, ifindex=hop.ifindex)
    return Decision(
        verdict=verdict,
        action="XDP_TX" if hop.ifindex == INGRESS else "XDP_REDIRECT",
        frame=to_backend(frame, ip, backend, hop, tag, ip.traffic_class),
        ifindex=hop.ifindex,
    )


def ended(verdict: str, frame: bytes) -> Decision:
    """The end of a packet that goes to no backend: the host gets it or nobody."""
    if verdict in PASSED:
        return Decision(verdict=verdict, action="XDP_PASS", frame=frame)
    return Decision(verdict=verdict, action="XDP_DROP", frame=None)
