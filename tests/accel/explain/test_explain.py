"""The steps of an explanation, for each way that a packet can go."""

from __future__ import annotations

from dataclasses import replace

from accel.datapath.testrun import Outcome
from accel.explain.packet import steps
from accel.model.address import parse_address
from accel.model.backend import Backend, Mode, State
from accel.model.placement import NextHop, PlacedBackend, PlacedService
from accel.model.service import Protocol, Service
from accel.verdicts import Verdict

WEB = Service(name="web", address=parse_address("192.0.2.1", ""), port=443, protocol=Protocol.TCP)
B1 = Backend(service="web", name="b1", address=parse_address("10.0.0.1", ""))
HOP = NextHop(
    ifindex=2,
    interface="eth1",
    mac=bytes.fromhex("020000000001"),
    source_mac=bytes.fromhex("020000000002"),
    mtu=1500,
    source=parse_address("10.0.0.254", ""),
)
PLACED = PlacedBackend(backend=B1, number=1, generation=1, next_hop=HOP)


def outcome(verdict: str, **fields: object) -> Outcome:
    given = {
        "action": "XDP_TX",
        "frame": b"",
        "verdict": Verdict[verdict],
        "service": 1,
        "backend": 1,
        "known_flow": False,
        "slot": None,
        "ifindex": 2,
    }
    return Outcome(**given | fields)  # type: ignore[arg-type]


def explained(found: Outcome, *backends: PlacedBackend, service: bool = True) -> str:
    placed = PlacedService(service=WEB, index=1, backends=backends) if service else None
    return "\n".join(
        steps(
            packet="a packet",
            outcome=found,
            service=placed,
            backend=backends[0] if backends else None,
        )
    )


def test_a_new_connection() -> None:
    other = replace(PLACED, backend=replace(B1, name="b2", weight=300), number=2)
    down = replace(PLACED, backend=replace(B1, name="b3", state=State.DOWN), number=3)
    text = explained(outcome("FORWARD_SYN", slot=17), PLACED, other, down)
    assert text == (
        "In comes a packet.\n"
        "It is for service 'web': tcp 192.0.2.1 port 443.\n"
        "The flow cache does not know the connection.\n"
        "The hash of its addresses and ports is slot 17 of 65537 in the ring, which belongs to "
        "backend 'b1' (weight 100 of 400, 2 of 3 backends get new flows).\n"
        "Mode ipip: wrapped in IPv4 from 10.0.0.254 to 10.0.0.1.\n"
        "It leaves by eth1 for MAC address 02:00:00:00:00:01, where packets of 1500 bytes fit.\n"
        f"XDP_TX, verdict forward_syn: {Verdict['FORWARD_SYN'].meaning}."
    )


def test_a_known_connection_stays_even_if_it_drains() -> None:
    draining = replace(PLACED, backend=replace(B1, state=State.DRAIN))
    text = explained(outcome("FORWARD_FLOW", known_flow=True), draining)
    assert "knows the connection: it stays at backend 'b1', whose state is drain" in text


def test_no_service() -> None:
    text = explained(outcome("NOT_SERVICE", service=0, backend=0), service=False)
    assert "No service was found" in text
    assert "not_service" in text


def test_a_service_without_backends() -> None:
    assert "has no backends: add one" in explained(outcome("NO_BACKEND", backend=0))


def test_backends_that_are_all_down() -> None:
    down = replace(PLACED, backend=replace(B1, state=State.DOWN))
    assert "None of its 1 backends is up" in explained(outcome("NO_BACKEND", backend=0), down)


def test_backends_without_a_next_hop() -> None:
    lost = replace(PLACED, next_hop=None)
    text = explained(outcome("NO_BACKEND", backend=0), lost)
    assert "1 of 1 are up, but have no next hop" in text


def test_each_mode_says_how_the_packet_goes() -> None:
    def way(mode: Mode) -> str:
        return explained(outcome("FORWARD_SYN", slot=1), replace(PLACED, backend=of(mode)))

    def of(mode: Mode) -> Backend:
        return replace(B1, mode=mode)

    assert "wrapped in UDP port 6080 over IPv4" in way(Mode.GUE)
    assert "only its MAC addresses are rewritten" in way(Mode.L2DSR)
    assert "up this host's own stack" in way(Mode.LOCAL)
