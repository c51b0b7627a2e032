"""What came of a machine, read from what it left."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sized
from dataclasses import dataclass, field
from xml.etree import ElementTree

from vagrant.vm.machine.boot import Ran
from vagrant.vm.results.skips import Skip, known, unknown, unused

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
    unlisted: tuple[Skip, ...] = ()  # skips that are not known of this kernel
    unused: tuple[Skip, ...] = ()  # known ones that did not happen
    tail: str = ""

    @property
    def good(self) -> bool:
        return self.skipped or not (self.problem or self.failed or self.unlisted)

    @property
    def total(self) -> Counter[str]:
        return sum(self.tests.values(), Counter())


def read(line: str, release: str, ran: Ran) -> Report:
    """From what a machine left."""
    parts = dict(re.findall(r"^==== (\w+)\n(.*?)\n==== end$", ran.output, re.M | re.S))
    outcomes = _outcomes(parts.get("junit", ""))
    skips = [Skip(test, reason) for test, outcome, reason in outcomes if outcome == "skipped"]
    failed = tuple(dict.fromkeys(test for test, outcome, _ in outcomes if outcome == "failed"))
    listed = known(line)
    unlisted = unknown(skips, listed)
    problem = _problem(ran, parts.get("status", "").strip(), outcomes, bool(failed or unlisted))
    return Report(
        line=line,
        release=release,
        problem=problem,
        seconds=ran.seconds,
        busy=ran.busy,
        up_after=ran.up_after,
        findings=_findings(parts.get("check", "")),
        tests=_by_file(outcomes),
        reasons=Counter(skip.reason for skip in skips),
        failed=failed,
        unlisted=tuple(unlisted),
        unused=tuple(unused(listed, skips, [test for test, _, _ in outcomes])),
        tail=_tail(ran) if problem else _failures(ran.output) if failed else "",
    )


def _problem(ran: Ran, status: str, outcomes: Sized, explained: bool) -> str:
    """What kept the tests from running to their end. `explained`: what pytest's status is for."""
    if ran.up_after is None:
        return "the kernel did not come up"
    if ran.timed_out:
        return f"not done after {ran.seconds:.0f} s: {_last_test(ran.output)}"
    if not status:
        return "the machine ended before its tests did"
    if not outcomes:
        return f"no test ran (pytest's exit status {status})"
    return "" if status == "0" or explained else f"pytest's exit status is {status}"


def _findings(part: str) -> dict[str, tuple[str, str]]:
    try:
        return {f["name"]: (f["level"], f["found"]) for f in json.loads(part)}
    except json.JSONDecodeError:
        return {}


def _outcomes(part: str) -> list[tuple[str, str, str]]:
    """Of each test its id, "passed", "failed" or "skipped", and the reason of a skip."""
    found = []
    for case in ElementTree.fromstring(part).iter("testcase") if part.strip() else ():
        test = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"
        skip = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            found.append((test, "failed", ""))
        elif skip is not None:
            found.append((test, "skipped", skip.get("message", "").removeprefix("Skipped: ")))
        else:
            found.append((test, "passed", ""))
    return found


def _by_file(outcomes: Iterable[tuple[str, str, str]]) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = {}
    for test, outcome, _ in outcomes:
        counts.setdefault(test.partition("::")[0], Counter())[outcome] += 1
    return counts


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
