"""The reference model: what the gateway decides about a packet, in plain Python.

Written from the documentation and the RFCs, to be held against the loaded program packet by
packet. It shares with the package what services and backends look like, and the Python twin that
builds rings; parsing, hashing, the flow cache, the choice and the bytes that leave are its own, in
files beside this one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from accel.datapath.guard.actions import Level, Rule
from accel.model.backend import State
from accel.model.placement import PlacedBackend, PlacedService
from tests.model.decision_model import Decision, ended, forward
from tests.model.flow_model import Flow, FlowCache
from tests.model.guard_model import Challenged, Cookie, GuardModel
from tests.model.hints.choice_model import ChoiceModel, Key, key_of
from tests.model.hints.hint_model import Flight, HintModel
from tests.model.icmp_model import is_echo, quoted_by
from tests.model.leaving_model import challenge, echo_reply, syn_ack
from tests.model.packet_model import ICMP, TCP, UDP, EndsAs, Headers, read_frame

TCP_HEADER, UDP_HEADER = 20, 8
FORWARDED = {"FORWARD_FLOW", "FORWARD_SYN", "FORWARD_NEW", "FORWARD_ICMP"}
ANSWERED = {"ECHO", "TOO_BIG", "CHALLENGED", "COOKIE"}
Place = tuple[str, int, str]  # "backend" or "service", its number, the verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What a packet is steered by: its service, and its flow from the client's side."""

    placed: PlacedService
    client: bytes
    ports: tuple[bytes, bytes]
    protocol: int
    syn: bool = False
    quoted: bool = False
    guarded: bool = True


class GatewayModel:
    """A gateway's state. `keys` are the 14 words of the flow key, `buckets` a power of two."""

    def __init__(
        self, *, keys: Sequence[int], buckets: int, guard: GuardModel, hints: HintModel
    ) -> None:
        self.guard, self.hints = guard, hints
        self.noted: dict[tuple[int, str], tuple[int, int]] = {}
        self._cache = FlowCache(keys, buckets)
        self._choice = ChoiceModel(hints)
        self.counts: dict[Place, tuple[int, int]] = {}
        self.place([])

    def place(self, services: Iterable[PlacedService]) -> None:
        """From now on there are these services; flows stay."""
        self._services = list(services)
        self._backends = {b.number: b for s in self._services for b in s.backends}
        self._keys: dict[Key, PlacedService] = {key_of(s.service): s for s in self._services}
        self._choice.place(self._services)
        self.hints.place(self._services)
        self._addresses = {s.service.address.packed for s in self._services}

    def forget_former_rings(self) -> None:
        """The seconds are over for which handshakes go on by the rings that were."""
        self._choice.forget_former_rings()

    def next_epoch(self) -> None:
        """Flows that were idle for longer than their lifetime are gone."""
        self._cache.next_epoch()
        self.guard.next_epoch()

    def flows(self) -> dict[int, int]:
        """How many live flows each backend number has, 0 left out."""
        return dict(Counter(f.number for f in self._cache if self._backend_of(f)))

    def knows(self, frame: bytes) -> bool:
        """Whether it is of a known flow, of a service with ports."""
        ip = read_frame(frame)
        assert ip.ports
        placed = self._service(ip.destination, ip.ports[1], ip.protocol)
        assert placed
        bucket, tag = self._cache.place(ip.source, ip.ports, placed.index)
        flow = next((f for f in bucket if f and f.tag == tag), None)
        backend = self._backend_of(flow) if flow else None
        return bool(backend and not (ip.syn and backend.backend.state is State.DRAIN))

    def run(self, frame: bytes) -> Decision:
        """What becomes of a frame, and what it leaves: flow and count."""
        try:
            done = self._decide(frame)
        except EndsAs as end:
            done = ended(str(end), frame)
        forwarded = done.verdict in FORWARDED
        place = ("backend", done.backend) if forwarded else ("service", done.service)
        packets, size = self.counts.get((*place, done.verdict), (0, 0))
        self.counts[(*place, done.verdict)] = packets + 1, size + len(frame)
        for noted in self.guard.noted:
            packets, size = self.noted.get(noted, (0, 0))
            self.noted[noted] = packets + 1, size + len(frame)
        self.guard.noted.clear()
        return done

    def _decide(self, frame: bytes) -> Decision:
        ip = read_frame(frame)
        if ip.destination not in self._addresses:
            raise EndsAs("NOT_SERVICE")
        if ip.ports:
            placed = self._service(ip.destination, ip.ports[1], ip.protocol)
            if not placed:
                raise EndsAs("NOT_SERVICE")
            found = Found(
                placed=placed,
                client=ip.source,
                ports=ip.ports,
                protocol=ip.protocol,
                syn=ip.syn,
            )
            return self._guarded(frame, ip, found)
        if ip.protocol not in (TCP, UDP, *ICMP.values()):
            raise EndsAs("NOT_SERVICE")
        if ip.later_fragment:
            raise EndsAs("FRAGMENT")
        if ip.protocol in (TCP, UDP):
            raise EndsAs("BAD_TRANSPORT")
        self.guard.filter(ip, self._guard_of(ip.destination), 0)
        return self._icmp(frame, ip)

    def _guard_of(self, address: bytes) -> int:
        """That of an address's first guarded service; 0 for none."""
        here = (s.index for s in self._services if s.service.address.packed == address)
        return min((i for i in here if not self.guard.is_idle(i)), default=0)

    def _guarded(self, frame: bytes, ip: Headers, found: Found) -> Decision:
        """Steered, if the guard has nothing against it."""
        index = found.placed.index
        try:
            if self.guard.filter(ip, index, index):
                return self._steer(frame, ip, replace(found, guarded=False))
            self.guard.opening(ip, index)
            return self._steer(frame, ip, found)
        except Challenged as answer:
            back = challenge(frame, ip, answer.args[0])
            return Decision(verdict="CHALLENGED", action="XDP_TX", frame=back, service=index)
        except Cookie as made:
            back = syn_ack(frame, ip, made.number, made.asks, made.mss, made.scale, ecn=made.ecn)
            return Decision(verdict="COOKIE", action="XDP_TX", frame=back, service=index)
        except EndsAs as end:
            return replace(ended(str(end), frame), service=index)

    def _icmp(self, frame: bytes, ip: Headers) -> Decision:
        if is_echo(frame, ip):
            return Decision(verdict="ECHO", action="XDP_TX", frame=echo_reply(frame, ip))
        quote = quoted_by(frame, ip)
        assert quote.ports
        service_port, client_port = quote.ports
        placed = self._service(quote.source, service_port, quote.protocol)
        if not placed:
            raise EndsAs("ICMP_OTHER")
        found = Found(
            placed=placed,
            client=quote.destination,
            ports=(client_port, service_port),
            protocol=quote.protocol,
            quoted=True,
        )
        return self._steer(frame, ip, found)

    def _service(self, address: bytes, port: bytes, protocol: int) -> PlacedService | None:
        exact = self._keys.get((address, port, protocol))
        return exact or self._keys.get((address, b"\0\0", protocol))

    def _steer(self, frame: bytes, ip: Headers, found: Found) -> Decision:
        index, quoted = found.placed.index, found.quoted
        bucket, tag = self._cache.place(found.client, found.ports, index)
        flow = next((f for f in bucket if f and f.tag == tag), None)
        backend = self._backend_of(flow) if flow else None
        if flow and backend and found.syn and backend.backend.state is State.DRAIN:
            bucket[bucket.index(flow)] = None  # a new connection by an old one's ports
            flow = backend = None
        slot, verdict, hint = None, "FORWARD_ICMP" if quoted else "FORWARD_FLOW", ""
        if flow and backend:
            if not quoted:
                flow.epoch, flow.confirmed = self._cache.epoch, True
                self._listen(ip, found, flow, backend)
        else:
            cookie = found.guarded and not quoted and self.guard.stray(ip, index)
            flight = self._flight(frame, ip, found, cookie=cookie)
            choice = self._choice.choose(found.placed, flight, syn=found.syn, quoted=quoted)
            slot, backend, hint = choice.slot, choice.backend, choice.outcome
            hint = hint if self.hints.active else ""
            if not backend:
                return replace(ended("NO_BACKEND", frame), service=index, hint=hint)
            if not quoted:
                verdict = "FORWARD_SYN" if found.syn else "FORWARD_NEW"
                if flight.opens and hint != "CID":
                    self.hints.opened(index, backend.number)
                if choice.kept:
                    teaches = self.hints.learns(index) and hint != "LATE"
                    settled = self.hints.active and not teaches
                    self._cache.store(bucket, tag, backend, settled=settled)
                    self.hints.outcomes.update([(index, hint)] if hint else [])
        return replace(
            forward(frame, ip, backend, tag, verdict, quoted=quoted),
            service=index,
            backend=backend.number,
            slot=slot,
            hint=hint,
        )

    def _flight(self, frame: bytes, ip: Headers, found: Found, *, cookie: bool) -> Flight:
        """What hints are asked about."""
        levels = self.guard.levels_of(found.placed.index)
        ours = found.protocol == UDP and not found.quoted
        return Flight(
            index=found.placed.index,
            client=found.client,
            ports=found.ports,
            protocol=found.protocol,
            opens=not found.quoted and (found.syn or found.protocol != TCP or cookie),
            attacked=levels.get(Rule.SYN) is Level.ON,
            datagram=frame[ip.upper + UDP_HEADER : ip.end] if ours else None,
        )

    def _listen(self, ip: Headers, found: Found, flow: Flow, backend: PlacedBackend) -> None:
        """A flow's second packet with payload, no SYN, teaches where its client's state is."""
        header = UDP_HEADER if ip.protocol == UDP else TCP_HEADER + len(ip.options)
        speaks = ip.end - ip.upper > header and not found.syn
        if flow.settled or not speaks or not self.hints.learns(found.placed.index):
            return
        flow.settled, flow.spoken = flow.spoken, True
        if flow.settled:
            flight = self._flight(b"", ip, found, cookie=False)
            self.hints.learn(flight, backend, self._choice.base(found.placed, flight))

    def _backend_of(self, flow: Flow) -> PlacedBackend | None:
        """Whom the flow may still go to."""
        placed = self._backends.get(flow.number)
        if placed is None or placed.generation != flow.generation:
            return None
        return None if placed.backend.state is State.DOWN else placed
