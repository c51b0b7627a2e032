"""A data path and a follower in memory, and a daemon made of them: no kernel is needed.

Run as a program it is acceld without a data path:
    python -m tests.support.daemon.fakes --socket S --state D --pin-root P
"""

from __future__ import annotations

import ipaddress
import sys
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from accel.control import daemon
from accel.control.needs import Counts
from accel.datapath import encode
from accel.datapath.datapath import Capacity
from accel.datapath.guard.actions import OFF, Level, Rule, Stance
from accel.datapath.guard.counts import Counted, Selection
from accel.datapath.guard.counts import Counts as GuardCounts
from accel.datapath.guard.maps import GuardKeys
from accel.datapath.hints.admission import Candidate
from accel.datapath.hints.client_keys import ClientKeys
from accel.datapath.hints.outcomes import HintOutcome
from accel.datapath.hints.pushed import Pushed
from accel.datapath.hints.table import HintTable
from accel.datapath.hints.values import HintCounts, Standing
from accel.datapath.maps import defines
from accel.datapath.samples import HINT_SAMPLE, SAMPLE, Samples
from accel.datapath.testrun import Outcome
from accel.ebpf.links import Attachment
from accel.errors import CapacityError, HostError, NotFoundError
from accel.model.address import Address
from accel.model.hints import UNUSED, HintUse
from accel.model.placement import Limits, NextHop, PlacedService
from accel.model.prefix import Network
from accel.model.prefix_columns import Prefixes
from accel.model.quic import ServerId
from accel.nexthop.mirror import Unresolved
from accel.verdicts import Verdict

UNREACHABLE = ipaddress.ip_network("10.99.0.0/16")
"""Backends there have no next hop."""


class FakeDataPath:
    """Remembers what it was told, in the order of the calls."""

    def __init__(self, pin_root: Path | None, limits: Limits) -> None:
        self.pin_path = pin_root
        self.limits = limits
        self.adopted = False
        self.services: dict[int, PlacedService] = {}
        self.calls: list[tuple[object, ...]] = []
        self.broken = False
        self.stances: dict[int, Stance] = {}
        self.counted: dict[int, dict[Counted, int]] = {}
        self.samples = np.zeros(0, SAMPLE)
        self.keys: list[GuardKeys] = []
        self.prefixes: dict[Network, bool] = {}
        self.uses: dict[int, HintUse] = {}
        self.hints = FakeHints(limits)
        self._attachments: dict[str, Attachment] = {}

    def _call(self, *call: object) -> None:
        self.calls.append(call)
        if self.broken:
            raise HostError("the map is on fire", hint="put it out")

    def sync(self, services: Sequence[PlacedService], /) -> int:
        self._call("sync", len(services))
        self.services = {placed.index: placed for placed in services}
        return len(services)

    def put(self, services: Sequence[PlacedService], removed: Collection[int] = (), /) -> int:
        self._call("put", *(placed.service.name for placed in services), *removed)
        for index in removed:
            self.services.pop(index, None)
        self.services.update({placed.index: placed for placed in services})
        return len(services) + len(removed)

    def prepare_guard(self) -> None:
        """Nothing to compile."""

    def set_stances(self, stances: Mapping[int, Stance], /) -> int:
        self.stances.update(stances)
        return len(stances)

    def guard_level(self, index: int, rule: Rule, /) -> Level:
        return self.stances.get(index, OFF).levels.get(rule, Level.OFF)

    def guard_counts(self, selection: Selection, /) -> GuardCounts:
        rows = [self.counted.get(int(index), {}) for index in selection.indices]
        return np.array([[row.get(c, 0) for c in Counted] for row in rows], np.int64)

    def read_samples(self) -> Samples:
        taken, self.samples = self.samples, np.zeros(0, SAMPLE)
        return taken

    def noted_counts(self, index: int, /) -> Counts:
        return {Verdict["CHALLENGED"]: (3 * index, 300 * index)}

    @property
    def prefix_count(self) -> int:
        return len(self.prefixes)

    def plan_prefixes(
        self, put: Prefixes, remove: Prefixes | None = None, /, *, only: bool = False
    ) -> Callable[[], int]:
        after = {} if only else dict(self.prefixes)
        after.update(put)
        for network, _ in remove or ():
            after.pop(network, None)
        if len(after) > self.limits.prefixes:
            raise CapacityError(
                "prefixes",
                needed=len(after),
                limit=self.limits.prefixes,
                option="--max-prefixes",
            )

        def write() -> int:
            self._call("prefixes", len(after))
            self.prefixes = after
            return len(after)

        return write

    def prepare_prefixes(self) -> None:
        """Nothing to compile."""

    def prefix_actions(self, prefixes: Prefixes, /) -> Any:
        found = [self.prefixes.get(network) for network, _ in prefixes]
        return np.array([0 if deny is None else 1 + deny for deny in found], np.int64)

    def lookup_prefix(self, address: Address, /) -> tuple[Network, bool] | None:
        found = [n for n in self.prefixes if n.version == address.version and address in n]
        best = max(found, key=lambda n: n.prefixlen, default=None)
        return None if best is None else (best, self.prefixes[best])

    def set_hints(self, uses: Mapping[int, HintUse], /) -> int:
        changed = {i: use for i, use in uses.items() if use != self.uses.get(i, UNUSED)}
        self.uses.update(changed)
        return len(changed)

    def prepare_hints(self) -> None:
        """Nothing to compile."""

    def set_guard_keys(self, keys: GuardKeys, /) -> None:
        self.keys.append(keys)

    def reset_backend(self, number: int, /) -> None:
        self._call("reset_backend", number)

    def reset_service(self, index: int, /) -> None:
        self._call("reset_service", index)

    def service_counts(self, index: int, /) -> Counts:
        return {Verdict["ECHO"]: (index, 100 * index), Verdict["NO_BACKEND"]: (0, 0)}

    def backend_counts(self, number: int, /) -> Counts:
        return {Verdict["FORWARD_FLOW"]: (number, 1000 * number)}

    def gateway_counts(self) -> Counts:
        return {Verdict["NOT_SERVICE"]: (7, 700)}

    def known_flows(self) -> list[int]:
        return list(range(self.limits.backends))

    def run(self, frame: bytes, /) -> Outcome:
        """The first backend of the first service that has one, whatever the frame is."""
        for placed in self.services.values():
            for backend in placed.backends:
                if encode.admitted(backend):
                    return Outcome(
                        action="XDP_TX",
                        frame=b"outer" + frame,
                        verdict=Verdict["FORWARD_SYN"],
                        service=placed.index,
                        backend=backend.number,
                        known_flow=False,
                        slot=17,
                        ifindex=1,
                    )
        return Outcome(
            action="XDP_PASS",
            frame=frame,
            verdict=Verdict["NOT_SERVICE"],
            service=0,
            backend=0,
            known_flow=False,
            slot=None,
            ifindex=0,
        )

    def attach(self, interface: str, mode: str, /) -> Attachment:
        self._call("attach", interface, mode)
        xdp_mode = "generic" if mode == "auto" else mode
        warning = "no native mode here" if mode == "auto" else ""
        found = Attachment(interface=interface, xdp_mode=xdp_mode, warning=warning)
        self._attachments[interface] = found
        return found

    def detach(self, interface: str, /) -> None:
        self._call("detach", interface)
        if interface not in self._attachments:
            raise NotFoundError("interface", interface)
        del self._attachments[interface]

    def attachments(self) -> list[Attachment]:
        return list(self._attachments.values())

    def tick(self) -> None:
        self.hints.pushed.table.sweep(self.hints.now)

    def capacities(self) -> list[Capacity]:
        used = len(self.services)
        return [Capacity(map="services", used=used, limit=self.limits.services - 1, bytes=4096)]

    def close(self) -> None:
        pass


class FakeHints:
    """Maps in memory, a clock that stands still; and as it was told: server ids by the service's
    index, warm budgets by the backend's number."""

    def __init__(self, limits: Limits) -> None:
        self.server_ids: dict[int, dict[ServerId, int]] = {}
        self.warmth: dict[int, int] = {}
        self.known: dict[tuple[int, Address], list[Candidate]] = {}
        self.held: set[Address] = set()
        self.decided: Counter[HintOutcome] = Counter()
        self.samples = np.zeros(0, HINT_SAMPLE)
        self.now = 5000
        words = 8 * defines(limits)["HINT_BUCKETS"]
        flow_keys = np.arange(1, 15, dtype=np.uint64).reshape(2, 7) * np.uint64(0x9E3779B97F4A7C15)
        self.prefixes = FakePrefixMap()
        self.pushed = Pushed(
            table=HintTable(np.zeros(words, np.uint64), limits.hints),
            keys=ClientKeys(flow_keys, limits.services),
            prefixes=self.prefixes,
            now=lambda: self.now,
        )

    def read_samples(self) -> Samples:
        taken, self.samples = self.samples, np.zeros(0, HINT_SAMPLE)
        return taken

    def set_server_ids(self, ids: Mapping[int, Mapping[ServerId, int]], /) -> int:
        before = {index: self.server_ids.pop(index, {}) for index in ids}
        self.server_ids.update({index: dict(of) for index, of in ids.items() if of})
        return sum(len(before[index].items() ^ of.items()) for index, of in ids.items())

    def candidates(self, index: int, client: Address, /) -> list[Candidate]:
        return self.known.get((index, client), [])

    def held_out(self, index: int, client: Address, /) -> bool:
        return client in self.held

    def counts(self, index: int, /) -> HintCounts:
        outcomes = {outcome: index * self.decided[outcome] for outcome in HintOutcome}
        return HintCounts(outcomes=outcomes, learned=3, refreshed=2, unlearned=1)

    def learned_per_backend(self) -> list[int]:
        return [100 * number for number in range(1000)]

    def standings(self, index: int, numbers: Sequence[int], /) -> list[Standing]:
        return [
            Standing(flows=n, limit=10 if n % 2 else None, warm=self.warmth.get(n)) for n in numbers
        ]

    def set_warmth(self, budgets: Mapping[int, int], /) -> None:
        self.warmth.update(budgets)


class FakePrefixMap(dict[bytes, bytes]):
    """As the kernel's, but that a key is found by itself alone."""

    def put(self, key: bytes, value: bytes, /) -> None:
        self[key] = value

    def remove(self, key: bytes, /) -> bool:
        return self.pop(key, None) is not None


class FakeFollower:
    """Every address has a next hop, except those of UNREACHABLE and those in `lost`."""

    def __init__(self, changed: Callable[[set[Address]], None]) -> None:
        self._changed = changed
        self.followed: set[Address] = set()
        self.lost: set[Address] = set()

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    def follow_too(self, addresses: Collection[Address], /) -> None:
        self.followed |= set(addresses)

    def unfollow(self, addresses: Collection[Address], /) -> None:
        self.followed -= set(addresses)

    def resolve(self, address: Address, /) -> NextHop | Unresolved:
        if address in self.lost or (address.version == 4 and address in UNREACHABLE):
            return Unresolved(problem=f"{address} does not answer ARP on eth9")
        return NextHop(
            ifindex=1,
            interface="lo",
            mac=bytes.fromhex("020000000001"),
            source_mac=bytes.fromhex("020000000002"),
            mtu=1500,
            source=ipaddress.ip_address("10.0.0.1" if address.version == 4 else "2001:db8::1"),
        )

    def move(self, *addresses: Address) -> None:
        """Lose these next hops, or find those that are lost."""
        self.lost ^= set(addresses)
        self._changed(set(addresses))


if __name__ == "__main__":
    sys.exit(daemon.main(open_data_path=FakeDataPath, make_follower=FakeFollower))
