"""What is read from what a machine left, and what is said of it."""

from __future__ import annotations

import pytest

from tests.tools.vm.left import FAILURE, NO_SOCKETS, UP, part, ran, skipped, whole
from vagrant.vm.machine.boot import Ran
from vagrant.vm.results import report
from vagrant.vm.results.report import Report
from vagrant.vm.results.text import text


def test_a_good_run() -> None:
    found = report.read("6.1", "6.1.0-1", ran(whole()))
    assert found.good
    assert dict(found.total) == {"passed": 1, "skipped": 1}
    said = text(found)
    assert said.startswith("kernel 6.1 (6.1.0-1): ok\n")
    assert f"skipped 1: {NO_SOCKETS}" in said
    assert "accel check: XDP links: fail: refused" in said
    assert "daemon" not in said
    assert "known_skips" not in said


@pytest.mark.parametrize(
    ("left", "says"),
    [
        (ran(whole(status="1", more=FAILURE)), "failed: tests/wire/test_modes.py::test_c"),
        (ran(whole(status="1")), "exit status is 1"),
        (ran("", console="Kernel panic - not syncing", up=False), "Kernel panic"),
        (ran(UP, console="Oops"), "ended before its tests did"),
        (ran(UP + "tests/a.py::test_x PASSED\ntests/a.py::test_y ", timed_out=True),
         "it hangs in tests/a.py::test_y"),
        (ran(UP + part("junit", "") + part("status", "4")), "no test ran"),
    ],
    ids=["a test fails", "pytest fails", "no boot", "it dies", "a test hangs", "no tests"],
)  # fmt: skip
def test_what_goes_wrong_is_said(left: Ran, says: str) -> None:
    found = report.read("6.1", "6.1.0-1", left)
    assert not found.good
    assert says in text(found)


def test_a_kernel_that_is_not_to_be_had_is_no_failure() -> None:
    found = Report(line="newest", problem="the suite is out of reach", skipped=True)
    assert found.good
    assert "SKIPPED: the suite is out of reach" in text(found)


def test_a_kernel_that_lost_something_by_mistake_fails() -> None:
    """pytest's status is 1, as conftest.py has the same list; and that is no second problem."""
    lost = [(f"tests/vm/test_kernel_decap.py::test_it[{n}]", "no ipip devices") for n in range(28)]
    more = "".join(skipped(*one) for one in lost)
    for status in ("0", "1"):
        found = report.read("6.1", "6.1.0-1", ran(whole(status=status, more=more)))
        assert not found.good
        said = text(found)
        assert said.startswith("kernel 6.1 (6.1.0-1): FAILED\n")
        for test, reason in lost:
            assert f"  skipped, and not in known_skips.txt: {test}: {reason}\n" in said


def test_each_kernel_has_its_own_list() -> None:
    assert report.read("6.1", "6.1.0-1", ran(whole())).good
    found = report.read("6.12", "6.12.1", ran(whole()))
    assert not found.good
    assert (
        f"not in known_skips.txt: tests/bpf/backend/test_cookie_acceptor.py::test_b: {NO_SOCKETS}"
        in text(found)
    )


def test_a_known_skip_that_does_not_happen_any_more_is_said_and_no_failure() -> None:
    more = '<testcase classname="tests.vm.test_kernel_cookies" name="test_d"/>'
    found = report.read("6.1", "6.1.0-1", ran(whole(more=more)))
    assert found.good
    said = text(found)
    assert "not skipped any more: tests/vm/test_kernel_cookies.py: this kernel makes no" in said
    assert "test_forward.py" not in said, "none of its tests ran"
