"""The book of hints against a model, and killed at every point: what was answered is there."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accel.control.hints.pushed.batches import Refusals
from accel.control.hints.pushed.put_plan import Quotas
from accel.control.hints.pushed.requests import Reader
from accel.control.hints.pushed.service import HintBook
from accel.control.state import plans
from accel.control.state.state import State
from accel.control.store.database import Store
from accel.control.store.hint_log import HintStore
from accel.model.backend import Backend
from accel.model.placement import Limits
from accel.model.service import Protocol, Service
from accel.v1 import hint_pb2 as pb
from tests.support.daemon.fake_hints import FakeHints
from tests.support.daemon.hinted import hint, key

LIMITS = Limits(services=4, backends=8, hints=32)
CLIENTS = [*(f"10.0.0.{n}" for n in range(6)), "2001:db8::1", "2001:db8::2", "10.1.0.0/16"]
BACKENDS = ("b0", "b1", "b2")
WALL = 1_700_000_000


@dataclass
class Daemon:
    """All of a daemon that has to do with hints, without its threads; time is the test's."""

    path: Path
    maps: FakeHints
    now: int
    store: Store = field(init=False)
    state: State = field(init=False)
    book: HintBook = field(init=False)

    def __post_init__(self) -> None:
        self.store = Store(self.path)
        self.state = self.store.load()
        self.maps.now = self.now
        self.book = HintBook(
            store=HintStore(self.path),
            pushed=self.maps.pushed,
            limits=LIMITS,
            quotas=Quotas(),
            state=lambda: self.state,
            exclusively=_unused,
            ask=lambda index, kinds: None,
            prepare=lambda: None,
            clock=lambda: WALL + self.now,
        )
        self.book._adopt()

    def close(self) -> None:
        self.book._store.close()
        self.store.close()

    def change(self, plan: plans.Plan) -> None:
        before = self.state
        changes = before.stamp(plan(before))
        after = before.apply(changes, LIMITS)
        self.store.write(changes, before, after)
        self.state = after
        gone = [c.before.key for c in changes if isinstance(c.before, Backend) and not c.after]
        self.book.forget([before.placement.backends.taken[key].number for key in gone])

    def begin(self, request: Any) -> None:
        """As far as one comes that is killed between the store and the data path."""
        refusals = Refusals()
        mine = (self.book._ledger.held.callers.number("me"), "me")
        for step in Reader(self.state, refusals).read(request):
            self.book._prepare(step, mine, refusals)
            break

    def apply(self, request: Any) -> None:
        refusals = Refusals()
        mine = (self.book._ledger.held.callers.number("me"), "me")
        for step in Reader(self.state, refusals).read(request):
            self.book._write(self.book._prepare(step, mine, refusals))

    def compact(self) -> None:
        held = self.book._ledger.held
        self.book._store.replace(held.rows(WALL))

    def tick(self, seconds: int) -> None:
        self.now += seconds
        self.maps.now = self.now
        for _ in range(8):
            self.maps.sweep()
        self.book._expire()

    def seen(self) -> dict[str, tuple[str, int]]:
        """Backend and seconds left, by client."""
        shown, _ = self.book._ledger.held.page(None, 0, 1000)
        return {line.client: (line.backend, line.left) for line in shown.lines()}


async def _unused(act: Any) -> Any:
    raise AssertionError("not by this test")


@dataclass
class Model:
    """Hints by client: who is one is said by the key, who it is by the address."""

    now: int
    hints: dict[str, tuple[str, str, int]] = field(default_factory=dict)

    def set(self, client: str, backend: str, lifetime: int) -> None:
        self.hints[_key(client)] = (client, backend, self.now + lifetime)

    def seen(self) -> dict[str, tuple[str, int]]:
        return {
            client: (backend, until - self.now)
            for client, backend, until in self.hints.values()
            if until > self.now
        }


def _key(client: str) -> str:
    return "2001:db8::/64" if ":" in client else client


@pytest.fixture
def shm() -> Iterator[Path]:
    """In memory: what a power cut would leave is no matter here."""
    made = Path(tempfile.mkdtemp(dir="/dev/shm"))
    try:
        yield made
    finally:
        shutil.rmtree(made)


@st.composite
def acts(draw: st.DrawFn) -> list[tuple[Any, ...]]:
    one = st.one_of(
        st.tuples(
            st.just("apply"),
            st.lists(
                st.tuples(st.sampled_from(CLIENTS), st.sampled_from(BACKENDS), st.integers(1, 40)),
                max_size=5,
            ),
            st.lists(st.sampled_from(CLIENTS), max_size=2),
        ),
        st.tuples(st.just("delete"), st.sampled_from(BACKENDS)),
        st.tuples(st.just("create"), st.sampled_from(BACKENDS)),
        st.tuples(st.just("pass"), st.integers(1, 15)),
        st.tuples(st.just("compact")),
    )
    return draw(st.lists(one, min_size=3, max_size=10))


@given(acts=acts(), data=st.data())
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whenever_it_is_killed(acts: list[tuple[Any, ...]], data: st.DataObject, shm: Path) -> None:
    daemon = begun(shm)
    model, there = Model(now=100), set(BACKENDS)
    for act in acts:
        match act:
            case ("create", name) if name not in there:
                there.add(name)
                daemon.change(plans.create_backend(made(name)))
            case ("delete", name) if name in there:
                there.discard(name)
                daemon.change(plans.delete_backend("web", name))
                model.hints = {k: h for k, h in model.hints.items() if h[1] != name}
            case ("pass", seconds):
                daemon.tick(seconds)
                model.now += seconds
            case ("compact",):
                daemon.compact()
            case ("apply", hints, removed):
                request = pb.ApplyHintsRequest(
                    hints=[hint(c, b, lifetime={"seconds": s}) for c, b, s in hints],
                    remove=map(key, removed),
                )
                if data.draw(st.booleans()):
                    daemon.begin(request)
                    daemon = killed(daemon, keep_maps=data.draw(st.booleans()))
                daemon.apply(request)  # for the first time, or since it was not answered
                for client, backend, lifetime in hints:
                    if backend in there:
                        model.set(client, backend, lifetime)
                for client in removed:
                    model.hints.pop(_key(client), None)
        assert daemon.seen() == model.seen()
        if data.draw(st.booleans()):
            daemon = killed(daemon, keep_maps=data.draw(st.booleans()))
            assert daemon.seen() == model.seen()
    daemon.close()


def begun(folder: Path) -> Daemon:
    """One with a service and its backends, and nothing else in the folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    daemon = Daemon(path=folder / "state.db", maps=FakeHints(LIMITS), now=100)
    daemon.change(
        plans.create_service(
            Service(name="web", address=ip_address("192.0.2.1"), port=1, protocol=Protocol.TCP)
        )
    )
    for name in BACKENDS:
        daemon.change(plans.create_backend(made(name)))
    return daemon


def made(name: str) -> Backend:
    return Backend(service="web", name=name, address=ip_address("10.0.0.1"))


def killed(daemon: Daemon, *, keep_maps: bool) -> Daemon:
    """Another one where it was; nothing was said at the end."""
    daemon.close()
    maps = daemon.maps if keep_maps else FakeHints(LIMITS)
    return Daemon(path=daemon.path, maps=maps, now=daemon.now)
