"""Why the program did with a packet what it did, in sentences. Pure."""

from __future__ import annotations

from accel.datapath.encode import admitted
from accel.datapath.hints.outcomes import HintOutcome
from accel.datapath.testrun import Outcome
from accel.explain import guard, hints
from accel.explain.hints import Asked
from accel.model.backend import Mode, State
from accel.model.placement import PlacedBackend, PlacedService
from accel.model.prefix import Network
from accel.model.service import Service


def steps(
    *,
    packet: str,
    outcome: Outcome,
    service: PlacedService | None,
    backend: PlacedBackend | None,
    prefix: tuple[Network, bool] | None = None,
    asked: Asked | None = None,
) -> list[str]:
    """The steps of the decision in their order; `packet` says what came in.

    `prefix` is the longest that has its source, and whether it is denied; `asked` are the hints
    that there are for it.
    """
    return [
        f"In comes {packet}.",
        *_service_step(service),
        *(_prefix_step(*prefix) if prefix else ()),
        *(_choice_steps(outcome, service, backend, asked) if service else ()),
        *(guard.steps(outcome.verdict, service.service.guard) if service else ()),
        *(_way_steps(backend) if backend and outcome.verdict.forward else ()),
        f"{outcome.action}, verdict {outcome.verdict.label}: {outcome.verdict.meaning}.",
    ]


def endpoint(service: Service) -> str:
    """Where clients reach it, as in "tcp 192.0.2.1 port 443"."""
    port = f"port {service.port}" if service.port else "any port"
    return f"{service.protocol.name.lower()} {service.address} {port}"


def _service_step(service: PlacedService | None) -> list[str]:
    if service is None:
        return ["No service was found for it: the gateway has nothing to steer."]
    return [f"It is for service {service.service.name!r}: {endpoint(service.service)}."]


def _prefix_step(network: Network, deny: bool) -> list[str]:
    return [
        f"Of the prefixes that have its source {network} is the longest: "
        f"{'denied' if deny else 'allowed'}, if the service's guard goes by prefixes."
    ]


def _choice_steps(
    outcome: Outcome, service: PlacedService, backend: PlacedBackend | None, asked: Asked | None
) -> list[str]:
    admitted_ones = [b for b in service.backends if admitted(b)]
    if outcome.known_flow and backend:
        return [
            f"The flow cache knows the connection: it stays at backend {backend.backend.name!r}, "
            f"whose state is {backend.backend.state.name.lower()}."
        ]
    if backend and (outcome.slot is not None or outcome.hint):
        new = "The flow cache does not know the connection."
        said = [new, *hints.steps(outcome, service, backend, asked)]
        if hints.is_followed(outcome):
            return said
        total = sum(b.backend.weight for b in admitted_ones)
        whose = hints.instead(outcome, backend) or (
            f"which belongs to backend {backend.backend.name!r} "
            f"(weight {backend.backend.weight} of {total}, "
            f"{len(admitted_ones)} of {len(service.backends)} backends get new flows)"
        )
        by = "its addresses and ports"
        if outcome.hint:
            held_out = outcome.hint is HintOutcome["HOLDOUT"]
            by = hints.base(service.service.hints, held_out)
        return [
            *said,
            f"The hash of {by} is slot {outcome.slot} of {service.service.ring_size} in the ring, "
            f"{whose}.",
        ]
    if not admitted_ones:
        return [_why_none(service)]
    return []


def _why_none(service: PlacedService) -> str:
    if not service.backends:
        return "The service has no backends: add one."
    waiting = [b for b in service.backends if b.backend.state is State.UP]
    if waiting:
        return (
            f"No backend can be reached: {len(waiting)} of {len(service.backends)} are up, "
            "but have no next hop. The backend list says why."
        )
    return f"None of its {len(service.backends)} backends is up: set the state of one."


def _way_steps(backend: PlacedBackend) -> list[str]:
    mode, address, hop = backend.backend.mode, backend.backend.address, backend.next_hop
    if mode is Mode.LOCAL:
        return ["Mode local: it goes up this host's own stack, unchanged."]
    if hop is None:
        return [f"No next hop is known for {address}."]
    how = {
        Mode.IPIP: f"wrapped in IPv{address.version} from {hop.source} to {address}",
        Mode.GUE: f"wrapped in UDP port {backend.backend.gue_port} over IPv{address.version} "
        f"from {hop.source} to {address}",
        Mode.L2DSR: "only its MAC addresses are rewritten",
    }[mode]
    return [
        f"Mode {mode.name.lower()}: {how}.",
        f"It leaves by {hop.interface} for MAC address {hop.mac.hex(':')}, "
        f"where packets of {hop.mtu} bytes fit.",
    ]
