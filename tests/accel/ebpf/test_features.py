"""The table of features: what its probes find, and what is told of those that a kernel lacks."""

from __future__ import annotations

import os
import platform
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from accel.checks import host
from accel.checks.features import check
from accel.ebpf import features
from accel.ebpf.btf import function_id
from accel.ebpf.features import FEATURES, Feature
from accel.errors import HostError


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
    (found,) = check()
    assert (found.name, found.level) == ("x", level)
    assert says in found.fix
    assert os.strerror(errno) in found.found
    assert ("9.9" in found.fix) == (errno != 1)


@pytest.mark.usefixtures("full_run")
def test_probes_leave_nothing() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to probe")
    before = [
        Path("/proc/mounts").read_text(),
        os.listdir("/proc/self/fd"),
        os.readlink("/proc/self/ns/net"),
    ]
    found = list(check())
    after = [
        Path("/proc/mounts").read_text(),
        os.listdir("/proc/self/fd"),
        os.readlink("/proc/self/ns/net"),
    ]
    assert after == before
    assert [f.name for f in found] == [f.name for f in FEATURES]
    needed = {f.name for f in FEATURES if f.needed}
    assert all(f.level == "ok" for f in found if f.name in needed)


def test_what_is_refused_names_the_kernel() -> None:
    feature = Feature(name="x", since="9.9", use="tests", probe=refuse(22))
    with pytest.raises(HostError, match="no x: Invalid argument") as caught:
        feature.require()
    assert "9.9" in caught.value.hint


@pytest.mark.usefixtures("full_run")
@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_a_kernel_that_is_new_enough_has_it(feature: Feature) -> None:
    """A probe that always fails would refuse what works."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to probe")
    release = host.version_of(platform.release())
    since = host.version_of(feature.since)
    try:
        feature.probe()
    except OSError as error:
        if release >= since:
            pytest.skip(f"this kernel is built without {feature.name}: {error.strerror}")
    else:
        assert release >= since


def a_type(name: int, kind: int, members: int = 0, follows: bytes = b"") -> bytes:
    return struct.pack("<III", name, kind << 24 | members, 0) + follows


def test_a_function_is_found_among_the_kernels_types() -> None:
    strings = b"\0number\0pair\0run\0walk\0"
    at = {word: strings.index(word.encode()) for word in ("number", "pair", "run", "walk")}
    types = b"".join(
        (
            a_type(at["number"], 1, follows=bytes(4)),  # 1: an integer
            a_type(at["pair"], 4, members=2, follows=bytes(24)),  # 2: a structure
            a_type(0, 13, members=1, follows=bytes(8)),  # 3: a prototype
            a_type(at["walk"], 8),  # 4: a typedef, which has the name of a function
            a_type(at["run"], 12),  # 5
            a_type(at["walk"], 12),  # 6
        )
    )
    header = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(strings))
    assert function_id("run", btf=header + types + strings) == 5
    assert function_id("walk", btf=header + types + strings) == 6
    for name in ("pair", "crawl", "al"):
        with pytest.raises(FileNotFoundError, match=f"no {name}"):
            function_id(name, btf=header + types + strings)
