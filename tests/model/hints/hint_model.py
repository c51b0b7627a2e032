"""The reference model of hints: what is known of clients, and where their new flows should go.

Written from docs/hints.md and from what the headers in bpf/ say about themselves. It shares with
the package what services, backends and their `Hints` look like, and nothing that works with them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

from accel.model.backend import State
from accel.model.hints import Affinity, Hints, Kind, Learn, ShardKey
from accel.model.placement import PlacedBackend, PlacedService
from tests.model.hints.client_model import V4, base_hash, bits_of, client_of, is_held_out
from tests.model.hints.learned_model import Advice, LearnedTable
from tests.model.hints.load_model import LoadModel, is_reachable, is_up
from tests.model.hints.quic_model import Unreadable, server_id

Network = IPv4Network | IPv6Network
UNHINTED = Hints(holdout=0, bound=0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Flight:
    """What hints are asked about: a packet of no known flow."""

    index: int
    client: bytes
    ports: tuple[bytes, bytes]
    protocol: int
    opens: bool  # a connection, or for UDP a flow
    attacked: bool = False
    datagram: bytes | None = None  # what is in it, where QUIC ids are looked for


@dataclass(frozen=True, kw_only=True, slots=True)
class Advised:
    """The outcome, "" if there was nothing to go by, and the backend if one was admitted."""

    outcome: str = ""
    backend: PlacedBackend | None = None


@dataclass(kw_only=True)
class HintModel:
    """All hints. `keys` are the words of the flow key, `buckets` those of what is learned."""

    keys: Sequence[int]
    buckets: int
    now: float = 0
    outcomes: Counter[tuple[int, str]] = field(default_factory=Counter)
    taught: Counter[tuple[int, str]] = field(default_factory=Counter)
    _uses: dict[int, tuple[Hints, Kind]] = field(default_factory=dict)
    _pushed: dict[tuple[int, int], Advice] = field(default_factory=dict)
    _prefixes: dict[tuple[int, Network], Advice] = field(default_factory=dict)
    _ids: dict[tuple[int, int, bytes], tuple[int, int]] = field(default_factory=dict)
    _services: dict[int, PlacedService] = field(default_factory=dict)
    backends: dict[int, tuple[int, PlacedBackend]] = field(default_factory=dict)
    _load: LoadModel = field(default_factory=LoadModel)

    def __post_init__(self) -> None:
        self._learned = LearnedTable(self.keys, self.buckets)

    def __len__(self) -> int:
        """How many clients' hints were learned."""
        return len(self._learned)

    # What is told

    def place(self, services: Iterable[PlacedService]) -> None:
        """From now on there are these services. Generations that begin anew take hints along."""
        before = set(self.backends)
        self._services = {s.index: s for s in services}
        self.backends = {
            b.number: (s.index, b) for s in self._services.values() for b in s.backends
        }
        new = {n for n, (_, b) in self.backends.items() if n not in before and not b.generation}
        self._learned.forget(new)
        self._pushed = {k: a for k, a in self._pushed.items() if a.number not in new}
        self._prefixes = {k: a for k, a in self._prefixes.items() if a.number not in new}
        self._ids = {k: of for k, of in self._ids.items() if of[0] not in new}

    def use(self, index: int, hints: Hints, there: Kind) -> None:
        """How hints are used for a service; `there`: of PUSHED and PREFIX, what it has hints of."""
        kinds = there | (Kind.LEARNED if hints.learn is not Learn.OFF else Kind(0))
        kinds |= (Kind.CID if hints.quic else Kind(0)) | (Kind.WARM if hints.warm else Kind(0))
        plain = hints.affinity is Affinity.NONE and hints.shard.key is ShardKey.NONE
        if plain and not kinds:
            self._uses.pop(index, None)
            self._load.unbound(index)
            return
        self._uses[index] = hints, kinds
        if not hints.bound:
            self._load.unbound(index)

    @property
    def active(self) -> bool:
        """Whether any service has hints: then those without are counted, too."""
        return bool(self._uses)

    def push(self, index: int, client: bytes, number: int, lifetime: int, longest: int,
             *, require: bool) -> None:  # fmt: skip
        """A hint for a client."""
        of = client_of(client, self.hints_of(index))
        self._pushed[index, of] = self._advice(number, lifetime, longest, require=require)

    def push_prefix(self, index: int, network: Network, number: int, lifetime: int, longest: int,
                    *, require: bool) -> None:  # fmt: skip
        """A hint for all clients of a prefix."""
        advice = self._advice(number, lifetime, longest, require=require)
        self._prefixes[index, network] = advice

    def own(self, index: int, ids: Mapping[tuple[int, bytes], int]) -> None:
        """These server ids (of rotations) are of the backends with these numbers, and no others."""
        self._ids = {key: of for key, of in self._ids.items() if key[0] != index}
        for (rotation, each), number in ids.items():
            self._ids[index, rotation, each] = number, self.backends[number][1].generation

    def warm(self, budgets: Mapping[int, int]) -> None:
        """So many warm connections backends have."""
        self._load.warm(budgets, self.now)

    def second(self) -> None:
        """Load bounds begin anew, and pushed hints that are past their time are swept away."""
        for index, (hints, _) in self._uses.items():
            if hints.bound and index in self._services:
                self._load.begin_second(self._services[index], hints, self.now)
        self._pushed = {k: a for k, a in self._pushed.items() if self.now < a.until}

    def _advice(self, number: int, lifetime: int, longest: int, *, require: bool) -> Advice:
        generation = self.backends[number][1].generation
        until, end = self.now + lifetime, self.now + longest
        return Advice(number, generation, until, end, require=require)

    # What is asked

    def hints_of(self, index: int) -> Hints:
        """How a service uses them."""
        return self._uses[index][0] if index in self._uses else UNHINTED

    def kinds_of(self, index: int) -> Kind:
        """Where they are looked for."""
        return self._uses[index][1] if index in self._uses else Kind(0)

    def requires(self, index: int) -> bool:
        """Whether any hint of a service goes beyond load bounds."""
        keyed = (*self._pushed.items(), *self._prefixes.items())
        return any(advice.require for key, advice in keyed if key[0] == index)

    def advice(self) -> list[Advice]:
        """All hints of clients and prefixes."""
        return [*self._pushed.values(), *self._prefixes.values(), *self._learned]

    def held_out(self, flight: Flight) -> bool:
        """Whether its client ignores hints."""
        return is_held_out(flight.client, self.hints_of(flight.index))

    def base(self, flight: Flight) -> int:
        """The hash of its base choice."""
        hints = self.hints_of(flight.index)
        held_out = self.held_out(flight)
        return base_hash(flight.client, flight.ports, flight.protocol, hints, held_out=held_out)

    def by_server_id(self, flight: Flight) -> Advised:
        """A connection that has moved goes where its id says, also to a backend that drains."""
        if flight.datagram is None or Kind.CID not in self.kinds_of(flight.index):
            return Advised()
        try:
            found = server_id(flight.datagram, self.hints_of(flight.index))
        except Unreadable:
            return Advised(outcome="CID_UNROUTABLE")
        if found is None:
            return Advised()
        of = self._ids.get((flight.index, *found))
        if of is None:
            return Advised(outcome="CID_UNROUTABLE")
        backend = self._of_service(flight.index, *of)
        if backend is None or backend.backend.state is State.DOWN or not is_reachable(backend):
            return Advised(outcome="CID_STALE")
        return Advised(outcome="CID", backend=backend)

    def by_client(self, flight: Flight) -> Advised:
        """The first hint that is admitted. All that there are live on with their client."""
        hints, kinds = self.hints_of(flight.index), self.kinds_of(flight.index)
        client = client_of(flight.client, hints)
        found = {
            Kind.PUSHED: self._pushed.get((flight.index, client)),
            Kind.LEARNED: self._learned.find(client, flight.index),
            Kind.PREFIX: self._of_longest_prefix(flight),
        }
        first = ""
        alive = {kind: bool(a and a.is_alive(self.now)) for kind, a in found.items()}
        for kind, advice in found.items():
            if not advice or kind not in kinds:
                continue
            if alive[kind] and flight.opens and not flight.attacked:
                advice.prolong(self.now, hints.lifetime)
        for kind, advice in found.items():
            if not advice or kind not in kinds:
                continue
            refusal = self._refusal(flight.index, advice) if alive[kind] else "EXPIRED"
            if not refusal:
                return Advised(outcome=str(kind.name), backend=self.backends[advice.number][1])
            first = first or f"{kind.name}_{refusal}"
        return Advised(outcome=first)

    def _of_longest_prefix(self, flight: Flight) -> Advice | None:
        bits = bits_of(flight.client)
        found = [
            (network.prefixlen, advice)
            for (index, network), advice in self._prefixes.items()
            if index == flight.index and _holds(network, bits)
        ]
        return max(found, key=lambda one: one[0])[1] if found else None

    def _of_service(self, index: int, number: int, generation: int) -> PlacedBackend | None:
        of, backend = self.backends.get(number, (0, None))
        same = backend and of == index and backend.generation == generation
        return backend if same else None

    def _refusal(self, index: int, advice: Advice) -> str:
        backend = self._of_service(index, advice.number, advice.generation)
        if backend is None:
            return "STALE"
        if not is_up(backend):
            return "DOWN"
        over = self.is_bounded(index) and self.is_over(advice.number)
        return "OVERFLOW" if over and not advice.require else ""

    # Load and warmth

    def is_bounded(self, index: int) -> bool:
        """Whether load bounds hold."""
        return self._load.is_bounded(index, self.now)

    def is_over(self, number: int) -> bool:
        """Whether a backend has had all the new flows of this second."""
        return self._load.is_over(self.backends[number][0], number)

    def budget(self, number: int) -> int:
        """Warm connections that are believed in."""
        return self._load.budget(number, self.now)

    def opened(self, index: int, number: int) -> None:
        """A connection, at that backend: it is counted, and takes a warm one."""
        if Kind.WARM in self.kinds_of(index):
            self._load.take_warm(number)
        if self.is_bounded(index):
            self._load.count(index, number)

    # Learning

    def learns(self, index: int) -> bool:
        """Whether anything is learned for a service."""
        return self.hints_of(index).learn is not Learn.OFF

    def learn(self, flight: Flight, backend: PlacedBackend, base: int) -> None:
        """A flow has spoken twice; `base` is the number of its base choice, holdout or not."""
        hints = self.hints_of(flight.index)
        if self.held_out(flight):
            return
        if hints.learn is Learn.EXCEPTIONS and base in (0, backend.number):
            return
        if flight.attacked:
            self.taught[flight.index, "unlearned"] += 1
            return
        advice = self._advice(backend.number, hints.lifetime, hints.longest, require=False)
        client = client_of(flight.client, hints)
        new = self._learned.put(client, flight.index, advice, self.now, hints.lifetime)
        self.taught[flight.index, "learned" if new else "refreshed"] += 1


def _holds(network: Network, bits: int) -> bool:
    start = int(network.network_address) | (V4 if network.version == 4 else 0)
    shift = network.max_prefixlen - network.prefixlen
    # All of IPv4 is a /96 of IPv6: a short IPv6 prefix may hold it.
    return start >> shift == bits >> shift
