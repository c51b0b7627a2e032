"""Pushed hints are there after a restart, a reboot, and when the daemon was killed."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
from collections.abc import Iterator
from ipaddress import ip_address

import grpc
import numpy as np
import pytest

from accel.control.hints.pushed import service
from accel.datapath.hints.values import halves
from accel.model.hints import Kind
from accel.model.placement import Limits
from accel.v1 import gateway_pb2
from accel.v1 import hint_pb2 as pb
from tests.support.daemon.acceld import Acceld
from tests.support.daemon.here import Here
from tests.support.daemon.hinted import (
    apply,
    batch,
    everything,
    hint,
    key,
    left,
    listed,
    pass_by,
    stub,
    use,
)
from tests.support.daemon.objects import backend, web

HOUR = 3600


@pytest.fixture
def limits() -> Limits:
    return Limits(services=8, backends=16, hints=64)


@pytest.fixture
def placed(here: Here) -> Here:
    here.stub.Apply(web())
    return here


def test_a_restart_keeps_them_with_the_time_that_they_had_left(placed: Here) -> None:
    apply(
        placed,
        batch(["10.0.0.1", "2001:db8::1"]),
        hint("10.0.0.2", "b2", lifetime={"seconds": 50}, require=True),
        hint("10.1.0.0/16", lifetime={"seconds": 70}),
        caller="me",
    )
    pass_by(placed, 20)
    before = sorted(everything(placed), key=lambda h: h.client)
    assert [h.left.seconds for h in before] == [HOUR - 20, 30, 50, HOUR - 20]
    for keep_maps in (True, False):
        placed.restart(keep_maps=keep_maps)
        assert sorted(everything(placed), key=lambda h: h.client) == before
        index = placed.state.placement.services.taken["web"].number
        assert placed.data_path.hint_settings.uses[index].kinds == Kind.PUSHED | Kind.PREFIX
    placed.restart(keep_maps=False, seconds=30)
    assert left(placed) == {"10.0.0.1": HOUR - 50, "2001:db8::1": HOUR - 50, "10.1.0.0/16": 20}


def test_what_was_used_is_known_after_a_reboot(placed: Here) -> None:
    apply(placed, hint("10.0.0.1", lifetime={"seconds": 50}))
    pass_by(placed, 40)
    use(placed, 100)
    placed.restart(keep_maps=False)
    assert left(placed) == {"10.0.0.1": 100}


def test_what_was_used_is_known_without_a_last_word(
    placed: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log is written anew now and then; the daemon is killed after that."""
    apply(placed, hint("10.0.0.1", lifetime={"seconds": 50}))
    use(placed, 100)
    placed.hints.book._due = 0
    pass_by(placed, 0)
    monkeypatch.setattr(service.HintBook, "_compact", _nothing)
    placed.restart(keep_maps=False)
    assert left(placed) == {"10.0.0.1": 100}


async def _nothing(book: service.HintBook) -> None:
    """Instead of what a daemon that is killed does not do."""


def test_a_table_that_is_adopted_is_what_is_stored(placed: Here) -> None:
    apply(placed, hint("10.0.0.1", lifetime={"seconds": 50}), hint("10.1.0.0/16"))
    use(placed, 77)
    apply(placed, hint("10.0.0.2"))
    # Somebody else's, in the table and the map; and one that is only stored.
    maps = placed.data_path.hints
    table = maps.pushed.table
    table.on_clear = None
    stranger = maps.pushed.keys.of_service(1, *halves(ip_address("10.0.0.3")))
    table.write(
        table.find_room(stranger),
        stranger,
        stranger & np.uint64(0) | np.uint64(1 << 12 | 1),
        stranger,
    )
    missing = maps.pushed.keys.of_service(1, *halves(ip_address("10.0.0.2")))
    table.clear(table.find_places(missing))
    maps.prefixes[bytes(24)] = bytes(16)
    placed.hints.book._store.entries = 0  # nothing to say at the end, as if it were killed
    placed.restart(keep_maps=True)
    assert left(placed) == {"10.0.0.1": 77, "10.0.0.2": HOUR, "10.1.0.0/16": HOUR}
    assert len(maps.prefixes) == 1
    assert len(maps.pushed.table) == 2


def test_hints_of_what_was_deleted_do_not_come_back(placed: Here) -> None:
    apply(placed, hint("10.0.0.1"), hint("10.0.0.2", "b2"), hint("10.0.0.3", "b2"))
    apply(placed, hint("10.0.0.3"), hint("10.1.0.0/16"))
    delete = gateway_pb2.DeleteBackendRequest(service="web", name="b1")
    placed.stub.DeleteBackend(delete)
    placed.stub.CreateBackend(gateway_pb2.CreateBackendRequest(backend=backend()))
    placed.hints.book._store.entries = 0
    placed.restart(keep_maps=False)
    assert listed(placed) == {"10.0.0.2": "b2"}
    # As if the file were of a daemon that did not say what it deleted.
    apply(placed, hint("10.0.0.9"))
    placed.hints.book._store.entries = 0
    placed.restart(keep_maps=False)
    placed.stub.DeleteBackend(delete)
    with sqlite3.connect(placed.folder / "state.db") as db:
        db.execute("DELETE FROM hint_log WHERE said = 2")
    placed.hints.book._store.entries = 0
    placed.restart(keep_maps=False)
    placed.stub.CreateBackend(gateway_pb2.CreateBackendRequest(backend=backend()))
    placed.hints.book._store.entries = 0
    placed.restart(keep_maps=False)
    assert listed(placed) == {"10.0.0.2": "b2"}


def test_a_log_that_is_long_is_written_anew(placed: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "SLACK", 20)
    store = placed.hints.book._store
    clients = [f"10.0.0.{n}" for n in range(10)]
    for backend_name in ("b1", "b2", "b1", "b2"):
        apply(placed, batch(clients, backend_name))
    assert store.entries == 40
    apply(placed, batch(clients))
    pass_by(placed, 0)
    assert store.entries == 10
    store.entries = 0
    placed.restart(keep_maps=False)
    assert listed(placed) == dict.fromkeys(clients, "b1")


def test_what_finds_no_room_after_a_restart_is_let_go(placed: Here) -> None:
    apply(placed, batch(f"10.0.0.{n}" for n in range(50)))
    placed.data_path.limits = Limits(services=8, backends=16, hints=16)
    placed.restart(keep_maps=False)
    assert len(listed(placed)) == 16


def test_what_a_killed_daemon_answered_is_there(acceld: Acceld) -> None:
    with acceld.running() as running:
        running.stub.Apply(web())
        apply(running, batch(["10.0.0.1", "10.0.0.2"]), hint("10.1.0.0/16"))
        apply(running, hint("10.0.0.2", "b2"), key("10.0.0.1"))
        running.process.kill()
        running.process.wait()
    with acceld.running() as running:
        assert listed(running) == {"10.0.0.2": "b2", "10.1.0.0/16": "b1"}
    assert "2 hints are pushed" in acceld.log()
    done = acceld.fails("--hints-per-caller", "0")
    assert (done.returncode, "--hints-per-caller" in done.stderr) == (2, True)


def test_killed_while_hints_stream_in(acceld: Acceld) -> None:
    answered: list[int] = []

    def requests() -> Iterator[pb.ApplyHintsRequest]:
        for version in range(1, 100_000):
            clients = [f"10.{version >> 8 & 255}.{version & 255}.{n}" for n in range(3)]
            yield pb.ApplyHintsRequest(version=version, batches=[batch(clients)])

    with acceld.running() as running:
        running.stub.Apply(web())
        answers = stub(running).ApplyHints(requests(), timeout=60)
        with contextlib.suppress(grpc.RpcError):
            for answer in answers:
                assert answer.set == 3
                answered.append(answer.version)
                if answer.version == 40:
                    # It has some of the next ones by now.
                    running.process.kill()
        assert running.process.wait() == -signal.SIGKILL
    with acceld.running() as running:
        there = listed(running)
    assert answered[:40] == list(range(1, 41))
    for version in answered:
        assert f"10.{version >> 8 & 255}.{version & 255}.2" in there
    # And of no request a part.
    assert len(there) % 3 == 0
