"""The maps of the hints from user space. docs/hints.md has the idea."""

from __future__ import annotations

import struct
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from accel.datapath import encode
from accel.datapath.encode import Words
from accel.datapath.hints.admission import Candidate, refusal
from accel.datapath.hints.client_keys import ClientKeys
from accel.datapath.hints.clock import HintClock
from accel.datapath.hints.loads import RENEWED, Loads
from accel.datapath.hints.outcomes import HintOutcome
from accel.datapath.hints.prefix_hints import KeyedHints, address_key, cid_key
from accel.datapath.hints.pushed import Pushed, word_of
from accel.datapath.hints.server_ids import ServerIdMap
from accel.datapath.hints.table import PRESENT, WAYS, HintTable, of_numbers
from accel.datapath.hints.values import HintCounts, Seen, Standing, halves, pair, seen, unpair
from accel.datapath.layout import CONSTANTS
from accel.datapath.maps import MapSet
from accel.datapath.prefix_bits import cut_off, ring_sum
from accel.datapath.samples import HINT_SAMPLE, Samples
from accel.ebpf.ringbuf import RecordReader
from accel.model.address import Address
from accel.model.hints import UNUSED, HintUse, Kind
from accel.model.placement import PlacedService
from accel.model.quic import ServerId

_WORDS = 8  # of struct hints
_CELLS = CONSTANTS["OUTCOME_CELLS"]
_LEARNED, _REFRESHED, _UNLEARNED = (
    CONSTANTS[f"CELL_{name}"] for name in ("LEARNED", "REFRESHED", "UNLEARNED")
)
_LEARN = 2  # a byte of struct hints
_HOLDOUT, _BOUNDED_UNTIL, _SAMPLE = 2, 5, 15  # words of 32 bits
WARM_SECONDS = 2
_SAMPLES = 256


class HintMaps:
    """The memory of all maps that hints are in; services are called by their index."""

    def __init__(self, maps: MapSet) -> None:
        self._prefixes = KeyedHints(maps.fds["prefix_hints"])
        self._cids = ServerIdMap(maps.fds["cids"])
        self._rows = maps.words("hints").reshape(-1, _WORDS)
        self._leaf = maps.leaf("backends")
        self._backends = maps.words("backends").reshape(-1, encode.LINE // 8)
        self._keys = ClientKeys(maps.words("settings")[1:].reshape(2, 7), maps.limits.services)
        self._pushed = HintTable(maps.words("pushed"), maps.limits.hints)
        self._learned = maps.words("learned").reshape(-1, WAYS, 2)
        self._warmths = maps.words("warmths")
        self._cells = maps.words("outcomes").reshape(maps.cpus, -1, _CELLS)
        self._uses: dict[int, HintUse] = {}
        self._samples = RecordReader(maps.fds["hint_samples"], HINT_SAMPLE)
        self.loads = Loads(maps.words("loads"), maps.limits.backends)
        self._clock = HintClock()
        self.pushed = Pushed(
            table=self._pushed, keys=self._keys, prefixes=self._prefixes, now=self._clock.now
        )

    def __len__(self) -> int:
        """How many clients have pushed hints."""
        return len(self._pushed)

    @property
    def active(self) -> bool:
        """Whether any service has hints."""
        return bool(self._rows[:, 0].any())

    def now(self) -> int:
        """Seconds of the clock that hints end by."""
        return self._clock.now()

    def close(self) -> None:
        """Let go."""
        self._clock.close()

    # Services

    def configure(self, index: int, use: HintUse) -> bool:
        """How hints are used for a service from now on. Its hints stay. Whether that is new."""
        row = self._rows[index]
        self._keys.set(index, use.hints.key4, use.hints.key6)
        self._uses[index] = use
        if use == UNUSED:
            del self._uses[index]
        words: tuple[int, ...] = (0,) * _WORDS
        if not use.idle:
            until = int(row.view(np.uint32)[_BOUNDED_UNTIL])
            words = use.words(until if use.hints.bound else 0)
        if row.tolist() == list(words):
            return False
        row[1:] = words[1:]
        row[0] = words[0]
        return True

    def of(self, index: int) -> HintUse:
        """As it was configured."""
        return self._uses.get(index, UNUSED)

    def marked(self, index: int) -> int:
        """The index as a service's entry has it: whether its new flows are looked at closer."""
        row = self._rows[index]
        learns = row.view(np.uint8)[_LEARN] != 0
        return index | CONSTANTS["LEARNS"] if learns or row.view(np.uint32)[_SAMPLE] else index

    def drop(self, indices: Collection[int]) -> None:
        """These services are gone, and with them what the maps know by their index."""
        for index in indices:
            self.configure(index, UNUSED)
            self._cells[:, index] = 0
        for remove_where in (self._prefixes.remove_where, self._cids.remove_where):
            remove_where(lambda index, _: index in indices)

    def keep(self, indices: Collection[int]) -> None:
        """All other services are gone."""
        gone = set(map(int, np.flatnonzero(self._rows[:, 0]))) - set(indices)
        if gone:
            self.drop(gone)
        for remove_where in (self._prefixes.remove_where, self._cids.remove_where):
            remove_where(lambda index, _: index not in indices)

    def forget(self, numbers: Collection[int]) -> None:
        """Generations of these numbers begin anew: no old hint may look like one of now."""
        gone = np.fromiter(numbers, np.int64)
        if len(self._pushed):
            self._pushed.forget(gone)
        learned = self._learned[:, :, 0]
        if learned.any():
            learned[of_numbers(learned, gone)] = 0
        for remove_where in (self._prefixes.remove_where, self._cids.remove_where):
            remove_where(lambda _, word: (word >> 12 & 0x1FFFF) in numbers)

    # What is said of backends

    def set_server_ids(self, ids: Mapping[int, Mapping[ServerId, int]]) -> int:
        """Of these services, by index, server ids are of the backends with these numbers, and no
        others. Returns how many writes that took. Raises InvalidError and CapacityError.

        The backends are in the maps.
        """
        return self._cids.set(
            {
                index: {
                    cid_key(index, each.rotation, each.id): self._word(number)
                    for each, number in of_service.items()
                }
                for index, of_service in ids.items()
            }
        )

    def set_warmth(self, budgets: Mapping[int, int]) -> None:
        """How many warm connections backends have, by number: believed for two seconds."""
        until = self.now() + WARM_SECONDS + 1
        for number_, budget in budgets.items():
            self._warmths[number_] = pair(budget, until)

    # What there is for a client

    def find(self, index: int, client: Address) -> dict[Kind, Seen]:
        """What there is for a client: a pushed hint, a learned one, that of its longest prefix."""
        hash_ = self._keys.of_service(index, *halves(client))[0]
        learned = self._learned[int(hash_) & len(self._learned) - 1]
        same = (learned[:, 0] >> np.uint64(32)) == hash_ >> np.uint64(32)
        mine = same & (learned[:, 0] & PRESENT != 0)
        entry = self._prefixes.get(address_key(index, client))
        found = {
            Kind.PUSHED: self._pushed.find(hash_),
            Kind.LEARNED: tuple(map(int, learned[mine][0])) if mine.any() else None,
            Kind.PREFIX: struct.unpack("=QQ", entry) if entry else None,
        }
        now = self.now()
        return {kind: seen(at[0], at[1], now) for kind, at in found.items() if at}

    def candidates(self, index: int, client: Address) -> list[Candidate]:
        """A client's hints of the kinds that are looked for, in the order in which they are asked,
        and why each of them would be refused now."""
        kinds = int(self._rows[index].view(np.uint8)[0])
        candidates = []
        for kind, found in self.find(index, client).items():
            if kinds & kind:
                backend = self._backend(found.number)
                (standing,) = self.standings(index, [found.number])
                refused = refusal(found, index, backend, standing)
                candidates.append(
                    Candidate(kind=kind, seen=found, refused=refused, standing=standing)
                )
        return candidates

    def standings(self, index: int, numbers: Sequence[int]) -> list[Standing]:
        """How backends of a service stand in the running second."""
        now = self.now()
        bounded = int(self._rows[index].view(np.uint32)[_BOUNDED_UNTIL]) > now
        found = []
        for number in numbers:
            flows, limit = self.loads.of(index, number)
            budget, until = unpair(int(self._warmths[number]))
            found.append(
                Standing(
                    flows=flows,
                    limit=limit if bounded else None,
                    warm=budget if until > now else None,
                )
            )
        return found

    def held_out(self, index: int, client: Address) -> bool:
        """Whether a client is of the group whose hints are ignored."""
        cut = self._cut(index, client)
        return int(ring_sum(*cut)[0]) < int(self._rows[index].view(np.uint32)[_HOLDOUT])

    def learned_per_backend(self) -> npt.NDArray[np.int64]:
        """How many learned hints lead to each number, of any generation and age."""
        words = self._learned[:, :, 0].reshape(-1)
        numbers = (words[words != 0] >> np.uint64(12)) & np.uint64(0x1FFFF)
        return np.bincount(numbers.astype(np.int64), minlength=len(self._backends))

    # Time and counts

    def second(self, services: Mapping[int, PlacedService]) -> None:
        """To be called once a second: load bounds are renewed, what is past its time goes."""
        now = self.now()
        for index, use in self._uses.items():
            if use.hints.bound and not use.idle and index in services:
                self.loads.begin_second(services[index], use.hints)
                self._rows[index].view(np.uint32)[_BOUNDED_UNTIL] = now + RENEWED
        self._pushed.sweep(now)

    def counts(self, index: int) -> HintCounts:
        """What has been counted so far."""
        cells = self._cells[:, index].sum(axis=0)
        return HintCounts(
            outcomes={outcome: int(cells[outcome]) for outcome in HintOutcome},
            learned=int(cells[_LEARNED]),
            refreshed=int(cells[_REFRESHED]),
            unlearned=int(cells[_UNLEARNED]),
        )

    def read_samples(self) -> Samples:
        """Packets of sampled flows, HINT_SAMPLE each, as many as one tick of the daemon has time
        for. The others are for the next time."""
        return self._samples.read(_SAMPLES)

    def reset_counts(self, index: int) -> None:
        """Zero those of an index that is given out anew."""
        self._cells[:, index] = 0

    def _backend(self, number: int) -> Any:
        """A copy of its struct."""
        return self._leaf.from_buffer_copy(self._backends[number])

    def _word(self, number: int) -> bytes:
        """Of a hint that leads to this backend as it is now."""
        return struct.pack("=Q", word_of(number, self._backend(number).generation, require=False))

    def _cut(self, index: int, client: Address) -> tuple[Words, Words]:
        """The bits of its address that make a client."""
        of = self.of(index).hints
        high, low = halves(client)
        is_v4 = not high[0] and low[0] >> np.uint64(32) == 0xFFFF
        return cut_off(high, low, 32 - of.key4 if is_v4 else 128 - of.key6)
