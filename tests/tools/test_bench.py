"""The benchmarks' table of cases, their command, what rounds come to, and what is sent."""

from __future__ import annotations

import importlib
import inspect
import json
import math
import pkgutil
import sys
from argparse import ArgumentTypeError
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from types import ModuleType
from typing import Any

import grimp
import numpy as np
import pytest
from scapy.layers.inet import TCP, UDP
from scapy.layers.l2 import Ether

import bench.cases
from accel.lab.clients.visitors import Visit
from accel.model.service import Protocol
from bench import __main__ as main
from bench import registry
from bench.cases.hints.tls_resumption import Side
from bench.harness import frames, programs, summary
from bench.harness.runner import FRAME
from bench.load.client_mix import DEVICES, RATE, Mix
from bench.load.connections import p99
from bench.report import results
from bench.report.results import result

# The table of cases


def modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(bench.cases.__path__, "bench.cases."):
        if not found.ispkg:
            yield importlib.import_module(found.name)


def cases(module: ModuleType) -> Iterator[str]:
    """Public functions of a module that yield figures and ask for nothing: these are cases."""
    for name, each in inspect.getmembers(module, inspect.isfunction):
        signature = inspect.signature(each)
        own = each.__module__ == module.__name__ and not name.startswith("_")
        if own and not signature.parameters and signature.return_annotation == "Iterator[Result]":
            yield f"{module.__name__.removeprefix('bench.cases.')}:{name}"


def test_every_case_is_in_the_table_once() -> None:
    written = [case for module in modules() for case in cases(module)]
    assert sorted(written) == sorted(registry.CASES.values())


def test_every_module_of_cases_has_one_or_is_imported_by_one() -> None:
    graph = grimp.build_graph("bench", cache_dir=None)
    registered = {f"bench.cases.{case.split(':')[0]}" for case in registry.CASES.values()}
    used = registered.union(*(graph.find_upstream_modules(name) for name in registered))
    assert {module.__name__ for module in modules()} - used == set()


def test_rooms_import_only_those_below_them() -> None:
    graph = grimp.build_graph("bench", cache_dir=None)
    rooms = ("__main__", "registry", "cases", {"networks", "load"}, "harness", "report")
    assert graph.find_illegal_dependencies_for_layers(layers=rooms, containers={"bench"}) == set()


@pytest.mark.parametrize("name", registry.CASES)
def test_a_case_is_found_by_its_name(name: str) -> None:
    assert inspect.isgeneratorfunction(registry.function(name))


def test_cases_run_in_the_order_that_they_are_asked_for_in() -> None:
    assert registry.names("rings") == ["rings"]
    assert registry.names("rings,packet,hints") == ["rings", "packet", "hints"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pakcet", "unknown case 'pakcet'; did you mean packet? (there are packet, flat, "),
        ("rings,hint", "unknown case 'hint'; did you mean hints? (there are packet, flat, "),
        ("rings,", "unknown case '' (there are packet, flat, "),
        ("xyz", "unknown case 'xyz' (there are packet, flat, "),
    ],
)
def test_a_case_that_is_none(text: str, message: str) -> None:
    with pytest.raises(ArgumentTypeError) as refused:
        registry.names(text)
    assert str(refused.value).startswith(message)


# The command


def bench_command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["bench", *arguments])
    return main.main()


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where figures are written; a case yields the number of its name's letters, at most 5."""

    def function(name: str) -> Any:
        most = None if name == "daemon" else 5
        return lambda: iter([result(name, len(name), "letters", most=most)])

    monkeypatch.setattr(registry, "function", function)
    monkeypatch.setattr(results, "OUT", tmp_path / "out")
    return tmp_path / "out" / "results.json"


def test_an_unknown_case_is_answered_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], measured: Path
) -> None:
    with pytest.raises(SystemExit) as exited:
        bench_command(monkeypatch, "--cases", "rings,ring")
    assert exited.value.code == 2
    assert "unknown case 'ring'; did you mean rings?" in capsys.readouterr().err
    assert not measured.exists()


def test_figures_are_printed_and_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], measured: Path
) -> None:
    assert bench_command(monkeypatch, "--cases", "wire,daemon") == 0
    printed = capsys.readouterr()
    assert [line.split()[:2] for line in printed.out.splitlines()] == [
        ["wire", "4.00"],
        ["daemon", "6.00"],
    ]
    assert printed.err.splitlines() == ["wire: 0 s", "daemon: 0 s"]
    assert [each["name"] for each in json.loads(measured.read_text())] == ["wire", "daemon"]


@pytest.mark.usefixtures("measured")
def test_a_missed_bar_is_the_exit_status(monkeypatch: pytest.MonkeyPatch) -> None:
    assert bench_command(monkeypatch, "--cases", "rings,packet,wire") == 1


@pytest.mark.usefixtures("measured")
def test_all_cases_run_when_none_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bench_command(monkeypatch)
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert names == list(registry.CASES)


# What rounds come to


def test_a_ratio_is_that_of_most_rounds() -> None:
    """Rounds two and three are disturbed, one on both sides and one on one of them."""
    usual = np.array([100.0, 300.0, 100.0, 100.0, 100.0])
    assert summary.ratio(np.array([50.0, 150.0, 900.0, 50.0, 50.0]), usual) == 0.5


def test_a_round_is_held_against_its_own_middle() -> None:
    """The second round is slower by half for all: nothing of that is a slope."""
    costs = np.array([[90.0, 135.0, 90.0], [100.0, 150.0, 100.0], [120.0, 180.0, 120.0]])
    off = summary.of_the_middle(costs)
    assert off == pytest.approx([0.9, 1.0, 1.2])
    assert summary.percent_off_the_middle(off) == pytest.approx(100 * 0.3 / 2.1)
    assert summary.percent_off_the_middle(np.array([1.0, 1.0])) == 0


def test_only_the_quiet_quarter_of_the_turns_counts() -> None:
    quiet = [[10.0, 20.0], [12.0, 20.0], [11.0, 29.0]]
    # Each has the least of one program, which is no quiet turn.
    loud = [[1.0, 90.0], [90.0, 1.0]] + [[50.0, 50.0]] * 7
    assert summary.quiet_medians([*loud[:5], *quiet, *loud[5:]]) == [11.0, 20.0]


def test_copies_of_a_program_count_by_their_mean() -> None:
    assert summary.means([1.0, 3.0, 10.0, 4.0, 5.0, 6.0], [2, 1, 3]) == [2.0, 10.0, 5.0]


def test_the_99th_percentile() -> None:
    took = [float(n) for n in range(200, 0, -1)]
    assert p99(took) == 198.0
    assert p99([7.0]) == 7.0
    assert p99([1.0] * 198 + [math.inf] * 2) == 1.0
    assert p99([1.0] * 197 + [math.inf] * 3) == math.inf


def visits(*seconds: float | None) -> list[Visit]:
    """None is a connection that failed."""
    who = ip_address("192.0.2.1")
    return [
        Visit(client=who, connect=each) if each else Visit(client=who, error="reset")
        for each in seconds
    ]


def test_tls_counts_the_least_disturbed_round_without_what_failed() -> None:
    nobody: Any = None
    side = Side(
        visitors=nobody,
        rounds=[visits(0.004, 0.006), visits(0.002, 0.004, None), visits(0.001, 0.009)],
    )
    assert side.milliseconds == pytest.approx(3.0)
    assert len(side.visits) == 7


# What is sent


def test_frames_have_one_length_and_their_segments_what_they_are_given() -> None:
    for service in (frames.SERVICE4, frames.SERVICE6):
        for protocol, layer in ((Protocol.TCP, TCP), (Protocol.UDP, UDP)):
            frame = frames.packet(service, protocol)
            assert len(frame) == FRAME
            assert Ether(frame)[layer].dport == frames.PORT
        syn = Ether(frames.segment(service, 0x02, seq=5, ack=6, options=frames.LINUX_OPTIONS))[TCP]
        assert (syn.flags, syn.seq, syn.ack) == ("S", 5, 6)
        assert [name for name, _ in syn.options] == ["MSS", "SAckOK", "Timestamp", "NOP", "WScale"]


def test_backends_are_numbered_on_from_the_first_and_of_their_services_version() -> None:
    placed = programs.place(ip_address("2001:db8::10"), Protocol.TCP, index=3, first=7, backends=2)
    assert [b.number for b in placed.backends] == [7, 8]
    assert [b.backend.address.version for b in placed.backends] == [6, 6]
    numbers = [b.number for service in programs.THREE for b in service.backends]
    assert numbers == list(range(1, 301))


def test_a_mix_of_clients_has_small_and_large_addresses() -> None:
    largest = []
    for seed in range(20):
        mix = Mix.of(seed)
        sizes = np.bincount(mix.addresses)
        assert len(mix.addresses) == DEVICES
        # Half of all devices; the last of the others' addresses may be cut to so few, too.
        assert DEVICES / 2 <= sizes[sizes <= 5].sum() <= DEVICES / 2 + 5
        largest.append(sizes.max())
        assert len(mix.second()) == RATE
    assert 0.1 * DEVICES < max(largest) <= 0.15 * DEVICES


def test_a_seed_draws_the_same_clients_again() -> None:
    one, same, other = Mix.of(1), Mix.of(1), Mix.of(2)
    assert np.array_equal(one.addresses, same.addresses)
    assert np.array_equal(one.second(), same.second())
    assert not np.array_equal(one.addresses, other.addresses)
