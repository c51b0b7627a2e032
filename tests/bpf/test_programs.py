"""Every program of bpf/ compiles, and the verifier of this kernel takes it.

In a machine of another kernel this comes first: what fails here fails everywhere.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from accel.backend.cookie_acceptor import Accept
from accel.backend.decapsulator import Decap, parse_prefixes
from accel.datapath.programs import VARIANTS
from accel.ebpf import probes
from accel.ebpf.loader import compile_bpf
from accel.ebpf.source import BPF_DIR
from tests.support.packets.rig import Rig


def decap(rig: Rig) -> None:
    Decap(allow=parse_prefixes(["10.0.1.0/24", "2001:db8::1"])).close()


def accept(rig: Rig) -> None:
    try:
        probes.made_request()
    except OSError as error:
        pytest.skip(f"this kernel makes no request sockets by a program: {error.strerror}")
    Accept().close()


def flood(rig: Rig) -> None:
    """Of the lab, as peers of the tests."""
    compiled = compile_bpf("programs/flood.bpf.c")
    try:
        for name in ("flood", "shore"):
            os.close(compiled.load(name))
    finally:
        compiled.close()


# The gateway's stay loaded: they are those of the tests that follow.
LOADED: dict[str, Callable[[Rig], object]] = {
    "gateway.bpf.c": lambda rig: [rig.datapath._programs.prepare(v) for v in VARIANTS.values()],
    "guard.bpf.c": lambda rig: rig.datapath.guards.prepare(),
    "hints.bpf.c": lambda rig: rig.datapath.hint_settings.prepare(),
    "decap.bpf.c": decap,
    "cookie_acceptor.bpf.c": accept,
    "flood.bpf.c": flood,
}


@pytest.mark.parametrize("names", LOADED)
def test_programs_are_loaded(loaded: Rig, names: str) -> None:
    LOADED[names](loaded)


def test_no_file_is_left_out() -> None:
    here = {name for names in LOADED for name in names.split(", ")}
    assert here == {path.name for path in BPF_DIR.rglob("*.c")}
