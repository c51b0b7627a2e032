"""The list of verdicts: all of it is read, and the page in docs/ is what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from accel.datapath.layout import CONSTANTS
from accel.ebpf.loader import compile_bpf
from accel.ebpf.source import BPF_DIR
from accel.verdicts import Verdict, page
from tests.support.tree import DOCS

HEADER = BPF_DIR / "maps/verdicts.h"


@pytest.mark.usefixtures("full_run")
def test_all_that_the_compiler_sees_is_read(tmp_path: Path) -> None:
    """The C's own count, as a size that only fits if it is right."""
    entry = tmp_path / "count.c"
    entry.write_text(
        f'#include "{HEADER}"\n'
        f'_Static_assert(VERDICT_COUNT - 1 == {len(Verdict)}, "a verdict was not read");\n'
        + "".join(
            f'_Static_assert(VERDICT_{v.name} == {int(v)}, "{v.name} has another number");\n'
            for v in Verdict
        )
        + "int nothing(void *ctx) { return 0; }\n"
    )
    compile_bpf(entry)


def test_each_says_all_that_is_asked_of_it() -> None:
    for verdict in Verdict:
        assert verdict.action in {"FORWARD", "PASS", "DROP", "TX"}
        assert verdict.meaning
        assert verdict.label == verdict.name.lower()
    assert len({v.meaning for v in Verdict}) == len(Verdict)


def test_those_that_forward_come_first_and_fit_their_counters() -> None:
    forward = [v for v in Verdict if v.forward]
    assert forward == list(Verdict)[: len(forward)]
    assert len(forward) <= CONSTANTS["BACKEND_CELLS"]
    assert len(Verdict) < CONSTANTS["SERVICE_CELLS"]


@pytest.mark.parametrize("name", ["NOT_SERVICE", "FORWARD_FLOW", "ECHO"])
def test_a_healthy_production_shows(name: str) -> None:
    assert Verdict[name].expected


@pytest.mark.parametrize("name", ["NO_BACKEND", "NO_NEXT_HOP", "MALFORMED", "NO_ROOM"])
def test_somebody_should_look_into(name: str) -> None:
    assert not Verdict[name].expected


def test_the_page_is_up_to_date() -> None:
    committed = (DOCS / "verdicts.md").read_text()
    assert committed == page(), "python -m accel.verdicts > docs/verdicts.md"
