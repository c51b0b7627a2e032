"""The tables of docs/kernels.md, out of the reports of all kernels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from accel.ebpf.features import FEATURES
from vagrant.vm.host.programs import ROOT
from vagrant.vm.results.report import Report

PAGE = ROOT / "docs" / "kernels.md"
_MARK = "## Features\n"  # above it the page is written by hand
_STEERING = "gateway program"


def page(before: str, reports: Sequence[Report]) -> str:
    """The page as it is after all tests ran on all kernels and none failed. `before`: as it was."""
    heads = [f"{r.line}: `{r.release}`" for r in reports]
    rule = " --- |" * len(reports)
    lines = [
        before.partition(_MARK)[0] + _MARK.rstrip(),
        "A row is a `Feature` of `accel/ebpf/features.py`, with a probe that does the thing.",
        "",
        f"| Feature | for | since | {' | '.join(heads)} |",
        f"| --- | --- | --- |{rule}",
        _row([_STEERING, "steering, all modes", "5.10"], [_cell(r, _STEERING) for r in reports]),
        *(
            _row([f.name, f.use, f.since], [_cell(r, f.name) for r in reports])
            for f in FEATURES
        ),
        "",
        "Where a needed feature is missing, the gateway does not start; else what it is for is"
        " refused with the kernel that has it, and the rest works.",
        "",
        "## Tests",
        "The last run on every kernel without a failure, the machines side by side."
        " The host may have done other work meanwhile: its CPU time is what an idle one takes.",
        "",
        f"| Tests | {' | '.join(heads)} |",
        f"| --- |{rule}",
        *_results(reports),
    ]  # fmt: skip
    reasons = sorted({(reason, r.line) for r in reports for reason in r.reasons})
    if reasons:
        lines += ["", "Skipped, with the reason:", ""]
        lines += [f"* {line}: {reason}" for reason, line in reasons]
    return "\n".join(lines) + "\n"


def _results(reports: Sequence[Report]) -> list[str]:
    names = sorted({name for report in reports for name in report.tests})
    return [
        *(
            _row([f"`{name}`"], [_counts(r.tests.get(name, Counter())) for r in reports])
            for name in names
        ),
        _row(["all, in s"], [f"{r.seconds:.0f}" for r in reports]),
        _row(["the host's CPU, in s"], [f"{r.busy:.0f}" for r in reports]),
        _row(["to the first, in s"], [f"{r.up_after:.0f}" for r in reports]),
    ]


def _row(heads: Sequence[str], cells: Sequence[str]) -> str:
    return f"| {' | '.join([*heads, *cells])} |"


def _cell(report: Report, name: str) -> str:
    level, _ = report.findings.get(name, ("not known", ""))
    return {"ok": "yes", "warn": "no", "fail": "no"}.get(level, level)


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{n} {outcome}" for outcome, n in sorted(counts.items())) or "not run"
