"""The state file: what is written is read again, whole or not at all."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from accel.control.state import plans
from accel.control.state.plans import Plan
from accel.control.state.state import Change, State
from accel.control.store import database as store_module
from accel.control.store import schema
from accel.control.store.database import Store
from accel.control.store.objects import text_of
from accel.errors import ExpiredError, HostError
from accel.model.address import parse_address
from accel.model.backend import Backend, Mode
from accel.model.backend import State as BackendState
from accel.model.guard import Guard, GuardLevel, Policy, Rate, SourceRate
from accel.model.hints import Hints, Learn, QuicId, Shard, ShardKey
from accel.model.placement import Limits
from accel.model.quic import ServerId
from accel.model.service import Protocol, Service
from tests.support.tree import ROOT

LIMITS = Limits(services=4, backends=8)
WEB = Service(name="web", address=parse_address("192.0.2.1", ""), port=443, protocol=Protocol.TCP)
BOTS = SourceRate(level=GuardLevel.ON, source=Rate(per_second=20, burst=5))
DNS = Service(name="dns", address=parse_address("2001:db8::1", ""), port=0, protocol=Protocol.UDP)


def backend(name: str, service: str = "web") -> Backend:
    return Backend(service=service, name=name, address=parse_address("10.0.0.1", ""))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "state.db")
    yield opened
    opened.close()


def write(store: Store, state: State, plan: Plan) -> State:
    """As the gateway does it."""
    changes = state.stamp(plan(state))
    after = state.apply(changes, LIMITS)
    store.write(changes, state, after)
    return after


def apply(*found: Service | Backend, prune: bool = True) -> Plan:
    services = [s for s in found if isinstance(s, Service)]
    backends = [b for b in found if isinstance(b, Backend)]
    return plans.apply(lambda _: (services, backends), prune=prune)


def test_a_new_file_is_empty_at_revision_1(store: Store) -> None:
    assert store.load() == State(revision=1)


def test_every_field_is_kept(store: Store) -> None:
    odd = Backend(
        service="dns",
        name="b1",
        address=parse_address("2001:db8::2", ""),
        weight=7,
        mode=Mode.GUE,
        gue_port=6081,
        state=BackendState.DRAIN,
        server_ids=(ServerId(rotation=1, id=b"\x0a\xff"), ServerId(rotation=6, id=b"\0")),
    )
    hints = Hints(
        learn=Learn.ALL,
        shard=Shard(key=ShardKey.PORT, size=7),
        warm=True,
        holdout=0.1,
        bound=0,
        quic=(
            QuicId(rotation=6, server_id_length=1, nonce_length=18),
            QuicId(rotation=1, server_id_length=2, nonce_length=4),
        ),
    )
    dns = replace(DNS, ring_size=251, hints=hints)
    state = write(store, store.load(), apply(WEB, dns, backend("b1"), odd))
    logged = [change.after for _, change in store.changes_after(1)]
    assert logged == [replace(found, revision=2) for found in (WEB, dns, backend("b1"), odd)]
    assert store.load() == state
    assert state.backend("dns", "b1") == replace(odd, revision=2)


def test_placement_and_order_of_the_freed_are_kept(store: Store) -> None:
    state = write(store, store.load(), apply(WEB, *(backend(f"b{i}") for i in range(4))))
    for name in ("b2", "b0", "b3"):
        state = write(store, state, plans.delete_backend("web", name))
    loaded = store.load()
    assert loaded == state
    assert list(loaded.placement.backends.freed) == [3, 1, 4]
    state = write(store, loaded, apply(*(backend(f"n{i}") for i in range(5)), prune=False))
    assert store.load() == state
    slots = state.placement.backends.taken
    assert [slots["web", f"n{i}"].number for i in range(5)] == [5, 6, 7, 3, 1]
    assert list(store.load().placement.backends.freed) == [4]


def test_a_deleted_service_takes_its_backends_along(store: Store) -> None:
    state = write(store, store.load(), apply(WEB, DNS, backend("b1"), backend("b1", "dns")))
    state = write(store, state, plans.delete_service("web"))
    assert store.load() == state
    assert list(state.services) == ["dns"]


def test_a_write_that_fails_leaves_nothing(store: Store) -> None:
    before = write(store, store.load(), apply(WEB))
    changes = before.stamp(apply(WEB, backend("b1"))(before))
    after = before.apply(changes, LIMITS)
    reader = sqlite3.connect(store.path)
    reader.execute("BEGIN IMMEDIATE")  # somebody else has the file
    store._db.execute("PRAGMA busy_timeout=1")
    with pytest.raises(HostError, match="cannot write the state file"):
        store.write(changes, before, after)
    reader.close()
    assert store.load() == before
    store.write(changes, before, after)
    assert store.load() == after


def test_kill_within_a_transaction_leaves_the_state_before(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    script = f"""
        import os, signal, sqlite3
        from pathlib import Path
        from tests.control.store.test_store import Store, WEB, apply, backend, write
        store = Store(Path({str(path)!r}))
        state = write(store, store.load(), apply(WEB))
        store._write_log = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        write(store, state, apply(WEB, backend("b1")))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], cwd=ROOT, timeout=60, check=False
    )
    assert done.returncode == -signal.SIGKILL
    store = Store(path)
    assert store.load().revision == 2
    assert store.load().backends == {"web": {}}
    store.close()


def test_changes_after_a_revision(store: Store) -> None:
    state = write(store, store.load(), apply(WEB, backend("b1")))
    state = write(store, state, plans.delete_backend("web", "b1"))
    found = store.changes_after(1)
    assert [(revision, c.subject.name) for revision, c in found] == [
        (2, "web"),
        (2, "b1"),
        (3, "b1"),
    ]
    assert found[2][1].before == replace(backend("b1"), revision=2)
    assert found[2][1].after is None
    assert store.changes_after(3) == []


@pytest.mark.parametrize("revision", [0, 4, 99])
def test_a_revision_that_was_never_there_has_expired(store: Store, revision: int) -> None:
    state = write(store, store.load(), apply(WEB))
    write(store, state, apply(WEB, DNS))
    with pytest.raises(ExpiredError, match="after revisions 1 to 3"):
        store.changes_after(revision)


def test_the_log_drops_whole_revisions(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "LOG_LENGTH", 4)
    state = write(store, store.load(), apply(WEB, backend("b1"), backend("b2")))
    state = write(store, state, plans.create_backend(backend("b3")))
    assert len(store.changes_after(1)) == 4
    write(store, state, plans.create_backend(backend("b4")))
    with pytest.raises(ExpiredError):
        store.changes_after(1)
    assert [revision for revision, _ in store.changes_after(2)] == [3, 4]


def test_a_write_longer_than_the_log_empties_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "LOG_LENGTH", 2)
    state = write(store, store.load(), plans.create_service(WEB))
    state = write(store, state, apply(WEB, DNS, *(backend(f"b{i}") for i in range(3))))
    with pytest.raises(ExpiredError):
        store.changes_after(2)
    assert store.changes_after(3) == []
    write(store, state, plans.delete_backend("web", "b1"))
    assert [revision for revision, _ in store.changes_after(3)] == [4]


def test_attachments_are_kept(store: Store, tmp_path: Path) -> None:
    store.set_attachment("eth0", wanted=True, mode="auto")
    store.set_attachment("eth1", wanted=True, mode="native")
    store.set_attachment("eth0", wanted=False, mode="auto")
    store.set_attachment("eth2", wanted=True, mode="auto")
    store.forget_attachment("eth2")
    again = Store(tmp_path / "state.db")
    assert again.attachments() == {"eth0": (False, "auto"), "eth1": (True, "native")}
    again.close()


def test_another_placement_of_the_same_is_stored(store: Store) -> None:
    state = write(store, store.load(), apply(WEB, *(backend(f"b{i}") for i in range(4))))
    state = write(store, state, plans.delete_backend("web", "b0"))
    fitted = state.placement.fit(Limits(services=4, backends=4))
    store.renumber(state.placement, fitted)
    loaded = store.load()
    assert loaded.placement == fitted
    assert loaded.backends == state.backends
    assert loaded.revision == state.revision


def test_a_file_of_the_first_schema_is_read_and_its_log_too(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with sqlite3.connect(path) as db:
        db.executescript(schema.FIRST)
        db.execute("INSERT INTO services VALUES ('web', '192.0.2.1', 443, 6, 251, 2, 3, 1)")
        db.execute(
            "INSERT INTO backends VALUES ('web', 'b1', '10.0.0.1', 100, 1, 6080, 1, 2, 5, 9)"
        )
        row = '["web", "192.0.2.1", 443, 6, 251, 2]'
        below = '["web", "b1", "10.0.0.1", 100, 1, 6080, 1, 2]'
        for kind, text in (("service", row), ("backend", below)):
            db.execute("INSERT INTO log (revision, kind, after) VALUES (2, ?, ?)", (kind, text))
        db.execute("UPDATE store SET revision = 2")
        db.execute("PRAGMA user_version=1")
    store = Store(path)
    expected = replace(WEB, ring_size=251, revision=2)
    state = store.load()
    assert state.services == {"web": expected}
    assert state.placement.services.taken["web"].number == 3
    behind = replace(backend("b1"), revision=2)
    assert state.backends == {"web": {"b1": behind}}
    slot = state.placement.backends.taken["web", "b1"]
    assert (slot.number, slot.generation) == (5, 9)
    assert store.changes_after(1) == [
        (2, Change(before=None, after=expected)),
        (2, Change(before=None, after=behind)),
    ]
    guarded = replace(expected, guard=Guard(policy=Policy.AUTO, syn_rate=BOTS))
    state = write(store, state, plans.update_service("web", lambda _: guarded))
    store.close()
    assert Store(path).load() == state


def test_quiet_rates_are_kept(store: Store, tmp_path: Path) -> None:
    assert store.quiet_rates() == {}
    store.set_quiet_rates({"web": 12.5, "dns": 3.0})
    store.set_quiet_rates({"web": 20.0})
    assert store.quiet_rates() == {"web": 20.0}


def test_a_log_of_before_there_were_hints_is_read(store: Store) -> None:
    """The second schema's services had guards; hints and server ids came with the fourth."""
    guarded = replace(WEB, guard=Guard(policy=Policy.AUTO), revision=1)
    text = json.dumps(json.loads(text_of(guarded) or "")[:7])
    store._db.execute("INSERT INTO log (revision, kind, after) VALUES (2, 'service', ?)", (text,))
    store._db.execute("UPDATE store SET revision = 2")
    assert store.changes_after(1) == [(2, Change(before=None, after=guarded))]
