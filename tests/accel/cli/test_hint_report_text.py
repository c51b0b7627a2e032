"""The report of hints in words: what is sure, what may be chance, what cannot be told yet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from accel.cli.hint.report_text import text
from accel.model.results.confidence import Difference
from accel.model.results.hint_report import HintGroup, HintMeasure, HintReport

NONE = HintMeasure(count=0, mean=0, median=0, p95=0)


def group(flows: int, resumptions: int, time: float = 0.0, size: float = 600) -> HintGroup:
    times = HintMeasure(count=flows, mean=time, median=time / 2, p95=2 * time)
    return HintGroup(
        flows=flows,
        client_hellos=flows,
        resumptions=resumptions,
        first_payload=times,
        second_payload=times,
        handshake_bytes=replace(times, mean=size),
    )


REPORT = HintReport(
    service="api",
    seconds=7500,
    treated=group(1412, 1370, 0.0031),
    holdout=group(43, 11, 0.0052, 580),
    effects={
        "resumption": Difference(difference=0.7144, low=0.6404, high=0.771),
        "first_payload": Difference(difference=-0.0021, low=-0.0026, high=-0.0016),
        "second_payload": Difference(difference=-0.001, low=-0.004, high=0.002),
        "handshake_bytes": Difference(difference=0.0, low=-0.2, high=0.2),
    },
)


def test_a_table_and_what_it_says() -> None:
    lines = text(REPORT).splitlines()
    assert lines[0] == "service api: flows sampled for 2 h"
    table = [line.split() for line in lines[2:12]]
    assert table[0] == ["TREATED", "HOLDOUT", "DIFFERENCE", "95", "%", "SURE"]
    assert table[1] == ["flows", "1,412", "43"]
    assert lines[4].split("  ")[0] == "resumption"
    assert " ".join(lines[4].split()) == "resumption 97 % 26 % +71 points +64 to +77"
    assert lines[-4:] == [
        "resumption: 97 % against 26 %: +71 points (+64 to +77)",
        "SYN to first payload: 3.10 ms against 5.20 ms: -2.10 ms (-2.60 to -1.60)",
        "SYN to second payload: 3.10 ms against 5.20 ms: -1.00 ms (-4.00 to +2.00), which may be"
        " chance; about 390 flows of the holdout group would tell",
        "handshake bytes: 600 against 580: 0 bytes (0 to 0), which may be chance",
    ]
    assert not any(line.rstrip() != line for line in lines)


def test_too_few_flows_tell_nothing_yet() -> None:
    few = replace(
        REPORT,
        holdout=group(4, 1, 0.0052),
        effects={
            "resumption": Difference(difference=0.5),
            "first_payload": Difference(difference=1),
        },
    )
    said = text(few).splitlines()[-4:]
    assert said[0] == (
        "resumption: cannot be told yet: 1,412 flows against 4, and 10 of each group are needed"
    )
    assert all("cannot be told yet" in line for line in said)


def test_nothing_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    none = group(0, 0)
    empty = HintReport(service="api", seconds=1, treated=none, holdout=none, effects={})
    said = text(empty)
    assert said.startswith("service api: flows sampled for 1 s\n")
    assert "0 flows against 0, and 10 of each group are needed" in said


def test_why_no_client_hello_was_read() -> None:
    without: dict[str, Any] = {"client_hellos": 0, "resumptions": 0, "handshake_bytes": NONE}
    plain = replace(
        REPORT,
        treated=replace(REPORT.treated, **without),
        holdout=replace(REPORT.holdout, **without),
        effects={k: v for k, v in REPORT.effects.items() if "payload" in k},
    )
    said = text(plain).splitlines()[-4:]
    assert "not TLS, or the kernel is older than 5.18" in said[0]
    assert said[1].startswith("SYN to first payload: 3.10 ms")
