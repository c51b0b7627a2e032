"""The maps of allowed and denied prefixes. docs/prefixes.md has the idea.

An entry is one word, a hash with the action in its lowest bits: in the bucket of its hash, or in
one of the next if that is full. A bucket that was ever full has no empty word again, by which the
data path knows that it has to look at the next one.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address

import numpy as np
import numpy.typing as npt

from accel.datapath.encode import Words
from accel.datapath.layout import CONSTANTS
from accel.datapath.maps import MapSet
from accel.datapath.prefix_bits import prefix_hash
from accel.errors import CapacityError, InvalidError
from accel.model.address import Address
from accel.model.prefix import Network
from accel.model.prefix_columns import Prefixes, network_of

_WAYS = CONSTANTS["WAYS"]
_LENGTHS = CONSTANTS["PREFIX_LENGTHS"]
_STEPS = CONSTANTS["PREFIX_PROBES"] - _LENGTHS  # buckets that an entry may be in
_ALLOW, _DENY = CONSTANTS["PREFIX_ALLOW"], CONSTANTS["PREFIX_DENY"]
_ACTIONS = np.uint64(CONSTANTS["PREFIX_ACTIONS"])
_BLOCK_4, _BLOCK_6 = 16, 32  # bits that the blocks of a version have in common
_CHUNK = 1 << 16  # entries looked for in one go: what that takes is eight times as large
_HALF = np.uint64(32)
_NONE = np.empty(0, np.int64)

Codes = npt.NDArray[np.uint32]
"""A block's number and a byte of its list: which length occurs where."""


class PrefixTable:
    """The memory of `prefixes` and `prefix_blocks`.

    What was pinned says which prefixes packets meet, but not which those are: `plan` them all,
    with `only`, before others.
    """

    def __init__(self, maps: MapSet) -> None:
        self._words = maps.words("prefixes").reshape(-1, _WAYS)
        self._blocks = maps.words("prefix_blocks").reshape(-1, 2)
        self._keys = maps.words("settings")[1:].reshape(2, 7)
        self.limit = maps.limits.prefixes
        self._shift = np.uint64(64 - (len(self._words) - 1).bit_length())
        self._codes: Codes = np.empty(0, np.uint32)
        self._uses: npt.NDArray[np.int64] = _NONE
        self._count = int(np.count_nonzero(self._words & _ACTIONS)) if maps.adopted else 0
        self._known = not maps.adopted

    def __len__(self) -> int:
        return self._count

    def plan(
        self, put: Prefixes, remove: Prefixes | None = None, *, only: bool = False
    ) -> Callable[[], int]:
        """See that there is room. What is returned does it, and returns how many writes it took.

        `put` are there once and may be known; `remove` are not among them and may be unknown.
        `only`: all others go. Raises CapacityError, InvalidError.
        """
        hashes = self._hash(put)
        at = self._find(hashes)
        new = at < 0
        if only:
            gone = self._all_but(at[~new])
            codes, uses = np.unique(_codes(put), return_counts=True)
        else:
            gone = self._find(self._hash(remove)) if remove is not None else _NONE
            left = _codes(remove)[gone >= 0] if remove is not None else _codes(put)[:0]
            gone = gone[gone >= 0]
            codes, uses = self._added(_codes(put)[new], left)
        count = self._count + int(new.sum()) - len(gone)
        if count > self.limit:
            raise CapacityError("prefixes", needed=count, limit=self.limit, option="--max-prefixes")
        touched = self._touched(codes)
        lists = _lists(codes, touched)
        places = at.copy()
        places[new] = self._places(hashes[new], gone)
        left_over = np.setdiff1d(gone, places[new], assume_unique=True)
        words = _entries(hashes) | np.where(put.deny, np.uint64(_DENY), np.uint64(_ALLOW))

        def write() -> int:
            # What leads to an entry comes after it, and goes before it.
            flat = self._words.reshape(-1)
            differ = flat[places] != words
            flat[places[differ]] = words[differ]
            # Of two words the second first: a longer list is whole in the old words and the new.
            changed = touched[(self._blocks[touched] != lists).any(axis=1)]
            rows = lists[np.searchsorted(touched, changed)]
            self._blocks[changed, 1] = rows[:, 1]
            self._blocks[changed, 0] = rows[:, 0]
            self._clear(left_over)
            self._codes, self._uses, self._count, self._known = codes, uses, count, True
            return int(differ.sum()) + len(changed) + len(gone)

        return write

    def _all_but(self, kept: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Where entries are, besides those at `kept`."""
        live = (self._words.reshape(-1) & _ACTIONS) != 0
        live[kept] = False
        return np.flatnonzero(live)

    def actions(self, prefixes: Prefixes) -> npt.NDArray[np.int64]:
        """Of each: 0 if it is not there, else PREFIX_ALLOW or PREFIX_DENY."""
        at = self._find(self._hash(prefixes))
        words = self._words.reshape(-1)[at] & _ACTIONS
        return np.where(at < 0, 0, words.astype(np.int64))

    def lookup(self, address: Address) -> tuple[Network, bool] | None:
        """The longest prefix that has `address`, and whether it is denied."""
        bits = Prefixes.of([(network_of(address), True)])
        value = int(bits.high[0]) << 64 | int(bits.low[0])
        rest = CONSTANTS["PREFIX_REST_4" if address.version == 4 else "PREFIX_REST_6"]
        for block in (int(_block(bits)[0]), rest):
            for byte in self._blocks[block].tobytes():
                if not byte:
                    break
                cut = byte - 1
                masked = value >> cut << cut
                at = int(self._find(self._hash(Prefixes.numbers([masked], [cut], [True])))[0])
                if at >= 0:
                    denied = int(self._words.reshape(-1)[at]) & _DENY
                    return _network(address, cut), bool(denied)
        return None

    def _hash(self, prefixes: Prefixes) -> Words:
        return prefix_hash(self._keys, prefixes.high, prefixes.low, prefixes.cut.astype(np.uint64))

    def _bucket(self, hashes: Words, step: int) -> npt.NDArray[np.int64]:
        home = (hashes >> self._shift).astype(np.int64)
        result: npt.NDArray[np.int64] = (home + step) & (len(self._words) - 1)
        return result

    def _find(self, hashes: Words) -> npt.NDArray[np.int64]:
        """Where each entry is, in words from the first on; -1 if it is not there."""
        chunks = [self._find_some(hashes[i : i + _CHUNK]) for i in range(0, len(hashes), _CHUNK)]
        return np.concatenate((_NONE, *chunks))

    def _find_some(self, hashes: Words) -> npt.NDArray[np.int64]:
        found, entries = np.full(len(hashes), -1, np.int64), _entries(hashes)
        left = np.arange(len(hashes))
        for step in range(_STEPS):
            if not len(left):
                break
            buckets = self._bucket(hashes[left], step)
            rows = self._words[buckets]
            same = ((rows ^ entries[left, None]) <= _ACTIONS) & (rows & _ACTIONS != 0)
            hit = same.any(axis=1)
            found[left[hit]] = buckets[hit] * _WAYS + same[hit].argmax(axis=1)
            left = left[~hit & rows.all(axis=1)]
        return found

    def _places(self, hashes: Words, gone: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Where new entries go, all at a time; also into the places of those that are `gone`."""
        places = np.full(len(hashes), -1, np.int64)
        if not len(hashes):
            return places
        room = self._words & _ACTIONS == 0
        room.reshape(-1)[gone] = True
        left = np.arange(len(hashes))
        for step in range(_STEPS):
            buckets = self._bucket(hashes[left], step)
            order = np.argsort(buckets, kind="stable")
            left, buckets = left[order], buckets[order]
            mine, first, count = np.unique(buckets, return_index=True, return_counts=True)
            rank = np.arange(len(buckets)) - np.repeat(first, count)
            free = room[mine]
            ways = np.argsort(~free, axis=1, kind="stable")
            row = np.repeat(np.arange(len(mine)), count)
            fits = rank < free.sum(axis=1)[row]
            way = ways[row[fits], rank[fits]]
            places[left[fits]] = buckets[fits] * _WAYS + way
            room[buckets[fits], way] = False
            left = left[~fits]
            if not len(left):
                return places
        raise CapacityError(
            "prefixes", needed=self.limit + 1, limit=self.limit, option="--max-prefixes"
        )

    def _clear(self, places: npt.NDArray[np.int64]) -> None:
        buckets = places // _WAYS
        room = ~self._words[buckets].all(axis=1)
        flat = self._words.reshape(-1)
        flat[places[room]] = 0
        flat[places[~room]] &= ~_ACTIONS

    def _added(self, new: Codes, gone: Codes) -> tuple[Codes, npt.NDArray[np.int64]]:
        codes, which = np.unique(np.concatenate((self._codes, new, gone)), return_inverse=True)
        each = (self._uses, np.ones(len(new), np.int64), np.full(len(gone), -1))
        uses = np.zeros(len(codes), np.int64)
        np.add.at(uses, which, np.concatenate(each))
        return codes[uses > 0], uses[uses > 0]

    def _touched(self, codes: Codes) -> npt.NDArray[np.int64]:
        """Blocks whose list is another with these codes, or may be."""
        if not self._known:
            written = np.flatnonzero(self._blocks.any(axis=1))
            return np.union1d(written, codes >> 8).astype(np.int64)
        return np.unique(np.setxor1d(self._codes, codes, assume_unique=True) >> 8).astype(np.int64)


def _entries(hashes: Words) -> Words:
    """PREFIX_ENTRY: words without their action."""
    result: Words = hashes >> np.uint64(1) & ~_ACTIONS
    return result


def _block(prefixes: Prefixes) -> npt.NDArray[np.uint32]:
    """That of each, if it is longer than those of its version."""
    four = (prefixes.low >> np.uint64(16)) & np.uint64(0xFFFF)
    factor = np.uint32(CONSTANTS["PREFIX_FACTOR"])
    six = ((prefixes.high >> _HALF).astype(np.uint32) * factor) >> np.uint32(16)
    return np.where(
        prefixes.is_v4, four.astype(np.uint32), np.uint32(CONSTANTS["PREFIX_BLOCKS_6"]) + six
    )


def _codes(prefixes: Prefixes) -> Codes:
    short = np.where(prefixes.is_v4, 32 - _BLOCK_4, 128 - _BLOCK_6) <= prefixes.cut
    rest = np.where(prefixes.is_v4, CONSTANTS["PREFIX_REST_4"], CONSTANTS["PREFIX_REST_6"])
    block = np.where(short, rest, _block(prefixes)).astype(np.uint32)
    result: Codes = block << np.uint32(8) | (prefixes.cut.astype(np.uint32) + np.uint32(1))
    return result


def _lists(codes: Codes, blocks: npt.NDArray[np.int64]) -> Words:
    """The two words of each block, longest prefix first, as `codes` are in order.

    Raises InvalidError if one has more lengths than there is room for.
    """
    first = np.searchsorted(codes, (blocks << 8).astype(np.uint32))
    count = np.searchsorted(codes, ((blocks + 1) << 8).astype(np.uint32)) - first
    if len(count) and count.max() > _LENGTHS:
        raise InvalidError(
            "prefixes",
            f"below {_block_name(int(blocks[count.argmax()]))} there would be prefixes of "
            f"{count.max()} lengths, {_LENGTHS} at the most are possible",
            hint="put longer ones together to shorter ones there",
        )
    rank = np.arange(count.sum()) - np.repeat(count.cumsum() - count, count)
    bytes_ = np.zeros((len(blocks), _LENGTHS), np.uint64)
    row = np.repeat(np.arange(len(blocks)), count)
    bytes_[row, rank] = codes[np.repeat(first, count) + rank] & 0xFF
    shifts = np.arange(0, 64, 8, dtype=np.uint64)
    return np.stack(
        [(bytes_[:, i : i + 8] << shifts).sum(axis=1, dtype=np.uint64) for i in (0, 8)], axis=1
    )


def _block_name(block: int) -> str:
    if block < CONSTANTS["PREFIX_BLOCKS_6"]:
        return f"{IPv4Address(block << 16)}/{_BLOCK_4}"
    if block < CONSTANTS["PREFIX_REST_4"]:
        return f"one IPv6 /{_BLOCK_6} and others of its hash"
    return "0.0.0.0/0" if block == CONSTANTS["PREFIX_REST_4"] else "::/0"


def _network(address: Address, cut: int) -> Network:
    return network_of(address, address.max_prefixlen - cut)
