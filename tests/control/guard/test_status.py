"""What guards see and do, over gRPC: attacks, status, samples."""

from __future__ import annotations

from typing import Any

import grpc
import numpy as np
import pytest

from accel.control.api import translate
from accel.control.gateway import ticker
from accel.datapath.encode import address_bytes
from accel.datapath.guard.actions import Level, Rule
from accel.datapath.guard.counts import Counted
from accel.datapath.samples import SAMPLE
from accel.model.address import parse_address
from accel.model.guard import GuardMode
from accel.v1 import gateway_pb2 as pb
from accel.v1 import guard_pb2, guard_pb2_grpc, model_pb2
from accel.verdicts import Verdict
from tests.support.daemon.here import Here, details_of
from tests.support.daemon.objects import backend, service, web

AUTO = {"policy": model_pb2.GUARD_POLICY_AUTO, "hold": 1}


class Driver:
    """A gateway whose time and counters are the test's."""

    def __init__(self, here: Here) -> None:
        self.here = here
        self.stub = guard_pb2_grpc.GuardServiceStub(here.channel)
        self.counted = here.data_path.guards.counted.setdefault(1, dict.fromkeys(Counted, 0))

    def guard(self, **fields: Any) -> model_pb2.Service:
        request = pb.UpdateServiceRequest(
            service=model_pb2.Service(name="web", guard=model_pb2.Guard(**fields))
        )
        answer: pb.UpdateServiceResponse = self.here.stub.UpdateService(request)
        return answer.service

    def pass_time(self, seconds: float, **rates: float) -> list[Any]:
        """In tenths of a second, with these packets per second."""
        found: list[Any] = []

        def tick() -> None:
            self.here.now += 0.1
            for name, rate in rates.items():
                self.counted[Counted[name]] += int(rate / 10)
            attacks = self.here.guard.guards.count()
            self.here.guard._tell(attacks)
            self.here.guard.guards.settle()
            found.extend(attacks)

        for _ in range(round(10 * seconds)):
            self.here.run(tick)
        return found

    @property
    def levels(self) -> tuple[Level, Level]:
        """Of SYNs and of strays."""
        stance = self.here.data_path.guards.stances[1]
        return stance.levels[Rule.SYN], stance.levels[Rule.UNKNOWN]

    def status(self, service: str = "web") -> Any:
        (found,) = self.stub.GetGuardStatus(guard_pb2.GetGuardStatusRequest(service=service)).guards
        return found


@pytest.fixture(autouse=True)
def no_ticks_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticker, "TICK", 3600.0)


@pytest.fixture
def driver(here: Here) -> Driver:
    here.stub.Apply(web())
    return Driver(here)


def test_a_guard_is_off_by_default_and_what_is_set_stays(driver: Driver) -> None:
    assert not driver.here.stub.GetService(pb.GetServiceRequest(name="web")).service.guard.policy
    driver.guard(mode=model_pb2.GUARD_MODE_RETRANSMIT, on_rate=500)
    rate = model_pb2.SourceRate(source=model_pb2.Rate(per_second=7))
    found = driver.guard(policy=model_pb2.GUARD_POLICY_MONITOR, syn_rate=rate).guard
    assert (found.mode, found.on_rate) == (model_pb2.GUARD_MODE_RETRANSMIT, 500)
    assert found.syn_rate.level == model_pb2.GUARD_LEVEL_ATTACK
    assert found.syn_rate.source.per_second == 7
    assert driver.guard(on_rate=0).guard.on_rate == 0
    assert driver.here.data_path.guards.stances[1].mode is GuardMode.RETRANSMIT


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"policy": 9}, "service.guard.policy"),
        ({"hold": 86_401}, "service.guard.hold"),
        ({"on_rate": 10, "off_rate": 10}, "service.guard.off_rate"),
        (
            {"udp_rate": model_pb2.SourceRate(prefix=model_pb2.Rate(per_second=2_000_000))},
            "service.guard.udp_rate.prefix.per_second",
        ),
    ],
)
def test_what_is_wrong_is_named(driver: Driver, fields: dict[str, Any], path: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        driver.guard(**fields)
    assert details_of(caught.value)["BadRequest"].field_violations[0].field == path


def test_auto_answers_then_refuses_strays_then_lingers_then_is_off(driver: Driver) -> None:
    driver.guard(**AUTO)
    assert driver.pass_time(1, SYN=100, NEW=100) == []
    assert driver.levels == (Level.OFF, Level.OFF)
    (start,) = driver.pass_time(0.5, SYN=50_000, NEW=100)
    assert (start.service, start.started) == ("web", True)
    assert driver.levels == (Level.ON, Level.OFF)
    driver.pass_time(1, CHALLENGED=50_000)
    assert driver.levels == (Level.ON, Level.ON)
    status = driver.status()
    assert (status.state, status.answering) == (guard_pb2.GUARD_STATE_ATTACK, True)
    assert status.rates.challenged == status.rates.excess == pytest.approx(50_000)
    assert 1 <= status.seconds < 2
    (end,) = driver.pass_time(1.5, SYN=100, NEW=100)
    assert not end.started
    assert end.excess == pytest.approx(50_000, rel=0.01)
    assert driver.levels == (Level.LINGER, Level.OFF)
    assert driver.status().state == guard_pb2.GUARD_STATE_LINGER
    driver.pass_time(61, SYN=100, NEW=100)
    assert driver.levels == (Level.OFF, Level.OFF)
    assert driver.status().state == guard_pb2.GUARD_STATE_QUIET


def test_monitor_tells_and_does_nothing(driver: Driver) -> None:
    driver.guard(policy=model_pb2.GUARD_POLICY_MONITOR)
    stream = driver.here.stub.Watch(pb.WatchRequest(), timeout=20)
    stream.initial_metadata()
    (start,) = driver.pass_time(0.5, SYN=50_000)
    assert start.monitored
    event = next(stream)
    stream.cancel()
    assert (event.attack.service, event.attack.started) == ("web", True)
    assert event.attack.monitored
    assert event.attack.excess_per_second >= 10_000
    assert event.revision == driver.here.revision
    assert not event.HasField("change")
    assert driver.levels == (Level.MONITOR, Level.MONITOR)
    status = driver.status()
    assert (status.state, status.answering) == (guard_pb2.GUARD_STATE_ATTACK, False)
    assert [(c.verdict, c.packets) for c in status.noted] == [("challenged", 3)]
    (of_web,) = driver.here.stub.GetStats(pb.GetStatsRequest(service="web")).services
    assert of_web.noted == status.noted


def test_always_turned_off_still_hears_late_answers(driver: Driver) -> None:
    driver.guard(policy=model_pb2.GUARD_POLICY_ALWAYS)
    assert driver.levels == (Level.ON, Level.OFF)
    driver.pass_time(1.2)
    assert driver.levels == (Level.ON, Level.ON)
    driver.guard(policy=model_pb2.GUARD_POLICY_OFF)
    assert driver.levels == (Level.LINGER, Level.OFF)
    driver.pass_time(60.2)
    assert driver.levels == (Level.OFF, Level.OFF)


def test_status_of_all_and_of_one_that_is_not_there(driver: Driver) -> None:
    driver.here.stub.Apply(
        pb.ApplyRequest(services=[service("a", port=1), service("z", port=2)], backends=[])
    )
    found = driver.stub.GetGuardStatus(guard_pb2.GetGuardStatusRequest()).guards
    assert [(s.service, s.state) for s in found] == [
        (name, guard_pb2.GUARD_STATE_OFF) for name in ("a", "web", "z")
    ]
    assert not found[0].HasField("rates")
    assert not found[0].HasField("seconds")
    assert (found[0].thresholds.on, found[0].thresholds.off) == (10_000, 2_000)
    with pytest.raises(grpc.RpcError) as caught:
        driver.status("nobody")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_service_that_is_on_its_way_to_the_data_path_stands_still(driver: Driver) -> None:
    guards = driver.here.guard.guards
    found = driver.here.run(
        lambda: guards.standing(7, translate.service_of(service("new"), "", translate.Addresses()))
    )
    assert (found.attack, found.since, found.seen) == (False, None, None)


def test_a_backend_that_comes_and_goes_is_no_attack(driver: Driver) -> None:
    driver.guard(**AUTO)
    driver.pass_time(1, SYN=900, NEW=900)
    driver.counted[Counted.SYN] += 0
    driver.here.stub.CreateBackend(pb.CreateBackendRequest(backend=backend("b9")))
    driver.counted[Counted.NEW] = 0
    assert driver.pass_time(1, SYN=900, NEW=900) == []


def test_samples_and_sources(driver: Driver) -> None:
    taken = np.zeros(3, SAMPLE)
    for row, source in zip(taken, ("198.51.100.7", "198.51.100.8", "2001:db8::1"), strict=True):
        row["source"] = np.frombuffer(address_bytes(parse_address(source, "")), ">u8")
        row["destination"] = np.frombuffer(address_bytes(parse_address("192.0.2.1", "")), ">u8")
    taken["source_port"], taken["destination_port"] = 40_000, 443
    taken["service"], taken["verdict"], taken["count"] = (1, 1, 77), Verdict["CHALLENGED"], 2048
    taken["tcp_flags"], taken["protocol"], taken["length"] = 2, 6, 60
    driver.here.data_path.guards.samples = taken
    driver.here.run(driver.here.guard.samples.tick)
    driver.here.now += 1
    request = guard_pb2.ListGuardSamplesRequest(service="web", limit=1)
    (sample,) = driver.stub.ListGuardSamples(request).samples
    assert (sample.source, sample.source_port) == ("198.51.100.8", 40_000)
    assert (sample.destination, sample.destination_port) == ("192.0.2.1", 443)
    assert (sample.verdict, sample.service, sample.seconds_ago) == ("challenged", "web", 1.0)
    assert (sample.tcp_flags, sample.protocol, sample.length, sample.count) == (2, 6, 60, 2048)
    everything = driver.stub.ListGuardSamples(guard_pb2.ListGuardSamplesRequest()).samples
    assert [s.service for s in everything] == ["", "web", "web"]
    (source,) = driver.status().sources
    assert (source.prefix, source.share) == ("198.51.100.0/24", 1.0)
    with pytest.raises(grpc.RpcError) as caught:
        driver.stub.ListGuardSamples(guard_pb2.ListGuardSamplesRequest(limit=1001))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_what_was_learned_is_stored(driver: Driver) -> None:
    driver.guard(policy=model_pb2.GUARD_POLICY_MONITOR)
    driver.pass_time(3, SYN=4000, NEW=4000)
    driver.here.guard.save()
    learned = driver.here.run(driver.here.store.quiet_rates)
    assert learned == {"web": pytest.approx(8_000)}
