"""The table of features: what its probes find, and what is told of those that a kernel lacks."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from accel import features
from accel.features import FEATURES, Feature


def refuse(errno: int) -> Callable[[], None]:
    def probe() -> None:
        raise OSError(errno, os.strerror(errno))

    return probe


@pytest.mark.parametrize(
    ("needed", "errno", "level", "says"),
    [
        (True, 22, "fail", "the gateway needs it"),
        (False, 22, "warn", "the rest works without"),
        (True, 1, "warn", "sudo accel check"),
    ],
)
def test_what_is_missing_names_the_kernel(
    needed: bool, errno: int, level: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    feature = Feature(name="x", since="9.9", use="tests", needed=needed, probe=refuse(errno))
    monkeypatch.setattr(features, "FEATURES", (feature,))
    (found,) = features.check()
    assert (found.name, found.level) == ("x", level)
    assert says in found.fix
    assert os.strerror(errno) in found.found
    assert ("9.9" in found.fix) == (errno != 1)


def test_probes_leave_nothing() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to probe")
    before = [
        Path("/proc/mounts").read_text(),
        os.listdir("/proc/self/fd"),
        os.readlink("/proc/self/ns/net"),
    ]
    found = list(features.check())
    after = [
        Path("/proc/mounts").read_text(),
        os.listdir("/proc/self/fd"),
        os.readlink("/proc/self/ns/net"),
    ]
    assert after == before
    assert [f.name for f in found] == [f.name for f in FEATURES]
    assert all(f.level == "ok" for f in found if f.name != "test runs with a context")
