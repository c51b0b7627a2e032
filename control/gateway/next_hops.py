"""The next hops of the backends' addresses: what they are, and what of that the data path has.

kernel's tables ─▶ Follower ─┐
                             ├─▶ sought ──the data path is written──▶ written ─▶ what the API says
routers' errors ─▶ PathMtus ─┘
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from accel.control.gateway.part import Part
from accel.control.ports import Follower, MakeFollower
from accel.control.report.event_log import log_path_mtus, log_unresolved
from accel.control.state.state import Change, State
from accel.model.address import Address
from accel.model.backend import Backend, Mode
from accel.model.placement import NextHop
from accel.nexthop.mirror import Unresolved
from accel.nexthop.path_mtu import PathMtus, TooBig, quotes_one_for

Hop = NextHop | Unresolved
Moves = Mapping[Address, tuple[Hop | None, Hop]]
"""Next hops before and after."""

_UNWRITTEN = Unresolved(problem="it is being written to the data path")


class NextHops(Part):
    """`moved` is called in the event loop when `take_moved` has something; `clock` is in seconds.

    What alters what is sought is called by one write at a time.
    """

    def __init__(
        self, make_follower: MakeFollower, moved: Callable[[], None], clock: Callable[[], float]
    ) -> None:
        self._tell_moved = moved
        self._clock = clock
        self._follower: Follower = make_follower(self._on_moved)
        self._learned = PathMtus()
        self._users: dict[Address, int] = {}
        self._sought: dict[Address, Hop] = {}
        self._written: dict[Address, Hop] = {}
        self._moved: set[Address] = set()
        self._new: set[Address] = set()

    async def start(self, state: State) -> None:
        """Follow the backends that there are. Raises HostError."""
        await self._follower.start()
        self.follow([Change(before=None, after=b) for b in state.every_backend()])

    async def stop(self) -> None:
        """Harmless if not started."""
        await self._follower.stop()

    def of(self, backend: Backend) -> Hop | None:
        """How it stands in the data path; None if nobody has asked for it yet."""
        written = self._written.get(backend.address)
        return _UNWRITTEN if written is None and backend.address in self._sought else written

    def usable(self, backend: Backend) -> NextHop | None:
        """What the data path has: None if the backend needs none or has none."""
        return _usable(self._written, backend)

    def sought(self, backend: Backend) -> NextHop | None:
        """What the data path is to get."""
        return _usable(self._sought, backend)

    def follow(self, changes: Iterable[Change]) -> None:
        """Follow the addresses of the backends that came, and no longer those of what went."""
        gone: set[Address] = set()
        new: list[Address] = []
        for change in changes:
            # What comes is counted before what goes: an address that stays is then never at 0.
            for backend, step in ((change.after, 1), (change.before, -1)):
                if isinstance(backend, Backend) and backend.mode is not Mode.LOCAL:
                    count = self._users.get(backend.address, 0) + step
                    self._users[backend.address] = count
                    if count == 0:
                        gone.add(backend.address)
                    elif count == step:
                        new.append(backend.address)
        gone = {address for address in gone if self._users[address] == 0}
        for address in gone:
            del self._users[address]
            self._sought.pop(address, None)
            self._written.pop(address, None)
            self._learned.forget(address)
        self._follower.unfollow(gone)
        self._follower.follow_too(new)
        for address in new:
            self._sought[address] = self._follower.resolve(address)
        self._new.update(new)

    def take_moved(self) -> Mapping[Address, Hop]:
        """Those that are sought now and were not before."""
        addresses, self._moved = self._moved, set()
        moved = {}
        for address in addresses & self._users.keys():
            hop = self._follower.resolve(address)
            if isinstance(hop, NextHop):
                hop = self._learned.narrow(address, hop)
            if hop != self._sought.get(address):
                self._sought[address] = moved[address] = hop
        return moved

    def put_down(self, addresses: Collection[Address] | None) -> Moves:
        """The data path now has what is sought, of `addresses` (None: all)."""
        changed = {}
        for address in self._sought if addresses is None else addresses:
            before, after = self._written.get(address), self._sought.get(address)
            if after is not None and before != after:
                self._written[address] = after
                changed[address] = before, after
        return changed

    async def second(self) -> None:
        self.warn_of_new()
        self.widen()

    def warn_of_new(self) -> None:
        """Say which new addresses had a second and still have no next hop."""
        new, self._new = self._new, set()
        hops = {address: self._sought.get(address) for address in new}
        log_unresolved({a: hop for a, hop in hops.items() if isinstance(hop, Unresolved)})

    def narrow(self, errors: Sequence[TooBig], backends: Iterable[Backend]) -> None:
        """Believe those errors that quote what the gateway sends to one of `backends`."""
        claims: dict[Address, list[TooBig]] = {}
        for error in errors:
            hop = self._written.get(error.destination)
            if isinstance(hop, NextHop) and hop.source == error.source and error.mtu < hop.mtu:
                claims.setdefault(error.destination, []).append(error)
        learned = {}
        for backend in backends if claims else ():
            for error in claims.get(backend.address, ()):
                if quotes_one_for(backend, error) and self._learned.learn(
                    backend.address, error.mtu, self._clock()
                ):
                    learned[backend.address] = error
        log_path_mtus(learned)
        self._on_moved(set(learned))

    def widen(self) -> None:
        """Forget what was learned too long ago."""
        self._on_moved(self._learned.expire(self._clock()))

    def _on_moved(self, addresses: set[Address]) -> None:
        waiting = bool(self._moved)
        self._moved.update(addresses)
        if self._moved and not waiting:
            self._tell_moved()


def _usable(hops: Mapping[Address, Hop], backend: Backend) -> NextHop | None:
    hop = hops.get(backend.address)
    return hop if isinstance(hop, NextHop) and backend.mode is not Mode.LOCAL else None
