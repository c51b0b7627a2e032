"""From samples of packets to what is known of a flow: times, ClientHello, bytes of the handshake.

The data path (bpf/hints/sample.h) gives the first packets with payload of a flow, each with the
time of the flow's SYN. Pure; bounded in memory and in time, whatever comes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from accel.datapath.layout import CONSTANTS
from accel.datapath.samples import Samples
from accel.tls.client_hello import looks_like_tls, read_client_hello
from accel.tls.flight import Pieces, handshake_size

MOST = 4096  # flows that are under way
LONGEST = 20 * 10**9  # ns from a flow's SYN on: what has not come then is not waited for
_PACKETS = CONSTANTS["SAMPLED_PACKETS"]
_BEGINNING = 1 << 15  # bytes that a ClientHello may have
_COLUMNS = (
    *("time", "opened", "source_port", "destination_port", "sequence", "first"),
    *("service", "length", "copied", "held_out"),
)
Key = tuple[int, bytes, int, int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """A flow: `opened` in ns, other times in seconds after it. None is what is not known."""

    service: int
    held_out: bool
    opened: int
    first_payload: float | None
    second_payload: float | None
    resumes: bool | None
    handshake_bytes: int | None


@dataclass(kw_only=True, slots=True)
class _Flow:
    """One that is under way."""

    service: int
    held_out: bool
    opened: int
    came: int = 0
    segments: list[tuple[int, int, int]] = field(default_factory=list)  # time, begin, end
    pieces: Pieces = field(default_factory=Pieces)

    def add(self, time: int, begin: int, end: int, data: bytes) -> None:
        """A segment. What was sent again is no other one."""
        self.came += 1
        if not any(b <= begin and end <= e for _, b, e in self.segments):
            self.segments.append((time, begin, end))
        self.pieces.add(begin, data)

    @property
    def is_whole(self) -> bool:
        """Whether there is no hole in what came first: a sample may have been dropped."""
        reach = 0
        for _, begin, end in sorted(self.segments[:2], key=lambda segment: segment[1]):
            if begin > reach:
                return False
            reach = max(reach, end)
        return True

    def measured(self) -> Measured:
        beginning = self.pieces.read(0, _BEGINNING)
        hello = read_client_hello(beginning)
        times = [(time - self.opened) / 1e9 for time, _, _ in self.segments[:2]]
        if not self.is_whole:
            times = []
        return Measured(
            service=self.service,
            held_out=self.held_out,
            opened=self.opened,
            first_payload=times[0] if times else None,
            second_payload=times[1] if len(times) > 1 else None,
            resumes=None if hello is None else hello.resumes,
            handshake_bytes=handshake_size(self.pieces, beginning),
        )

    @property
    def is_done(self) -> bool:
        """Whether no packet that follows can say more."""
        if self.came >= _PACKETS:
            return True
        if len(self.segments) < 2 or not self.is_whole:
            return False
        beginning = self.pieces.read(0, _BEGINNING)
        return not looks_like_tls(beginning) or handshake_size(self.pieces, beginning) is not None


class SampledFlows:
    """Flows under way, by what tells them apart. One that is done stays as None: more may come."""

    def __init__(self) -> None:
        self._flows: dict[Key, _Flow | None] = {}
        self._opened: dict[Key, int] = {}

    def __len__(self) -> int:
        return len(self._flows)

    def add(self, samples: Samples) -> Iterator[Measured]:
        """HINT_SAMPLE each, as they came. Flows of which no more is to be known."""
        columns = [samples[name].tolist() for name in _COLUMNS]
        for i, row in enumerate(zip(*columns, strict=True)):
            time, opened, source, destination, sequence, first, service, length, copied, out = row
            key = (service, samples["source"][i].tobytes(), source, destination, first)
            begin = (sequence - first - 1) & 0xFFFFFFFF
            if begin >= 1 << 31:
                continue  # of before the SYN: no stack sends that
            if key not in self._flows:
                yield from self._make_room(opened)
                self._flows[key] = _Flow(service=service, held_out=bool(out), opened=opened)
                self._opened[key] = opened
            flow = self._flows[key]
            if flow is None:
                continue
            flow.add(time, begin, begin + length, samples["payload"][i, :copied].tobytes())
            if flow.is_done:
                self._flows[key] = None
                yield flow.measured()

    def expire(self, now: int) -> Iterator[Measured]:
        """Those whose SYN is too long ago, at `now` in ns: with what is known of them."""
        for key in [key for key, at in self._opened.items() if now - at > LONGEST]:
            yield from self._take(key)

    def _make_room(self, now: int) -> Iterator[Measured]:
        if len(self._flows) < MOST:
            return
        yield from self.expire(now)
        while len(self._flows) >= MOST:
            yield from self._take(next(iter(self._flows)))

    def _take(self, key: Key) -> Iterator[Measured]:
        flow = self._flows.pop(key)
        del self._opened[key]
        if flow is not None:
            yield flow.measured()
