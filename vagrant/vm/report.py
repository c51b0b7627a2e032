"""What came of a machine, and lines about it for the terminal."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from xml.etree import ElementTree

from vagrant.vm.boot import Ran

_TAIL = 30  # lines


@dataclass(frozen=True, kw_only=True)
class Report:
    """One kernel's results. `problem`: why there are none, or not all; "" if there are.

    `skipped`: the kernel was not to be had, and that is no failure.
    """

    line: str
    release: str = ""
    problem: str = ""
    skipped: bool = False
    seconds: float = 0.0
    busy: float = 0.0
    up_after: float | None = None
    findings: dict[str, tuple[str, str]] = field(default_factory=dict)
    tests: dict[str, Counter[str]] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    failed: tuple[str, ...] = ()
    tail: str = ""

    @property
    def good(self) -> bool:
        return self.skipped or not (self.problem or self.failed)

    @property
    def total(self) -> Counter[str]:
        return sum(self.tests.values(), Counter())


def read(line: str, release: str, ran: Ran) -> Report:
    """From what a machine left."""
    parts = dict(re.findall(r"^==== (\w+)\n(.*?)\n==== end$", ran.output, re.M | re.S))
    status = parts.get("status", "").strip()
    checks = _findings(parts.get("check", ""))
    tests, reasons, failed = _tests(parts.get("junit", ""))
    problem = ""
    if ran.up_after is None:
        problem = "the kernel did not come up"
    elif ran.timed_out:
        problem = f"not done after {ran.seconds:.0f} s: {_last_test(ran.output)}"
    elif not status:
        problem = "the machine ended before its tests did"
    elif not tests:
        problem = f"no test ran (pytest's exit status {status})"
    elif status != "0" and not failed:
        problem = f"pytest's exit status is {status}"
    return Report(
        line=line,
        release=release,
        problem=problem,
        seconds=ran.seconds,
        busy=ran.busy,
        up_after=ran.up_after,
        findings=checks,
        tests=tests,
        reasons=reasons,
        failed=failed,
        tail=_tail(ran) if problem else _failures(ran.output) if failed else "",
    )


def text(report: Report) -> str:
    """For the terminal: what ran, what was skipped and why, what the preflight said."""
    name = f"kernel {report.line}" + (f" ({report.release})" if report.release else "")
    if report.skipped:
        return f"{name}: SKIPPED: {report.problem}"
    lines = [f"{name}: {'ok' if report.good else 'FAILED'}"]
    if report.problem:
        lines[0] += f": {report.problem}"
    if report.tests:
        counts = ", ".join(f"{report.total[k]} {k}" for k in ("passed", "failed", "skipped"))
        lines.append(f"  tests: {counts}")
    if report.up_after is not None:
        lines.append(
            f"  up after {report.up_after:.0f} s, all in {report.seconds:.0f} s,"
            f" {report.busy:.0f} s of CPU"
        )
    lines += [f"  skipped {count}: {reason}" for reason, count in report.reasons.items()]
    lines += [f"  failed: {test}" for test in report.failed]
    lines += [
        f"  accel check: {name}: {level}: {found}"
        for name, (level, found) in report.findings.items()
        if level != "ok" and name != "daemon"
    ]
    if report.findings and all(x == "ok" for n, (x, _) in report.findings.items() if n != "daemon"):
        lines.append("  accel check: all ok")
    return "\n".join(lines) + (f"\n{report.tail}" if report.tail else "")


def _findings(part: str) -> dict[str, tuple[str, str]]:
    try:
        return {f["name"]: (f["level"], f["found"]) for f in json.loads(part)}
    except json.JSONDecodeError:
        return {}


def _tests(part: str) -> tuple[dict[str, Counter[str]], Counter[str], tuple[str, ...]]:
    tests: dict[str, Counter[str]] = {}
    reasons: Counter[str] = Counter()
    failed = []
    for case in ElementTree.fromstring(part).iter("testcase") if part.strip() else ():
        file = case.get("classname", "").replace(".", "/") + ".py"
        name = f"{file}::{case.get('name')}"
        outcome = "passed"
        skip = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            outcome = "failed"
            failed.append(name)
        elif skip is not None:
            outcome = "skipped"
            reasons[skip.get("message", "").removeprefix("Skipped: ")] += 1
        tests.setdefault(file, Counter())[outcome] += 1
    return tests, reasons, tuple(dict.fromkeys(failed))


def _failures(output: str) -> str:
    found = re.search(r"^=+ (?:FAILURES|ERRORS) =+$(.*?)^-+ generated xml", output, re.M | re.S)
    return found[0] if found else ""


def _last_test(output: str) -> str:
    running = re.findall(r"^(tests/\S+::.*?) *$", output, re.M)
    return f"it hangs in {running[-1]}" if running else "no test had begun"


def _tail(ran: Ran) -> str:
    tails = []
    for name, words in (("console", ran.console), ("output", ran.output)):
        last = words.replace("\r", "").strip().splitlines()[-_TAIL:]
        tails += [f"  ---- the {name}'s last lines", *(f"  {line}" for line in last)]
    return "\n".join(tails)
