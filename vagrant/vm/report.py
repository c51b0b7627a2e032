"""What came of a machine: lines for the terminal, and the table in docs/kernels.md."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.etree import ElementTree

from accel.features import FEATURES
from vagrant.vm.boot import Ran
from vagrant.vm.run import ROOT

_TAIL = 30  # lines
PAGE = ROOT / "docs" / "kernels.md"
_STEERING = "gateway program"
_INTRODUCTION = (
    "The gateway needs a kernel from 5.10 on. What each kernel does, as `accel check` found it by"
    " doing it, and what the tests said there. `make vm-test KERNELS=all` writes this page.",
    "",
    "    make vm-test                            # 6.1 and 6.12",
    "    make vm-test KERNELS='5.10 6.1'         # these",
    "    make vm-test KERNELS='--quick'          # what depends most on the kernel, as in CI",
    "    make vm-test KERNELS='all --refresh'    # look for newer kernels first",
    "",
    "Kernels come out of Debian's packages, one root file system serves them all, and QEMU boots"
    " it with the checkout in it; both are kept in `~/.cache/accel-vm`, as is the output of the"
    " last run on each kernel. KVM is used where a kernel comes up under it, else software"
    " emulation. Two interfaces with several queues are joined by a wire, in a network namespace"
    " that ends with the machine. `vagrant/vm/suite.py` lists the tests.",
    "",
    "## Vagrant",
    "`vagrant/Vagrantfile` has a machine for each of these kernels, for libvirt and VirtualBox:",
    "",
    "    cd vagrant && vagrant up k612 && vagrant ssh k612 -c 'accel demo'",
    "",
    "and two machines on real virtio-net interfaces with four queues:",
    "```",
    "                      192.168.57.0/24",
    " backend  eth2, in a namespace: client .30 ──┐",
    "                                             ├── gateway  eth1 .10: acceld, XDP",
    " backend  eth1: nginx, accel backend run .20 ┘",
    "```",
    "    vagrant up gateway backend",
    "    vagrant ssh backend -c 'sudo /checkout/vagrant/pair.sh ask 100'",
    "    vagrant ssh gateway -c 'accel stats'",
    "",
    "Where no public box can be fetched, `make vagrant-box` makes one of Debian's packages, and"
    " `VAGRANT_BOX=accel` takes it. `make vagrant-test` brings machines up, tests and destroys"
    " them, with a libvirt of its own in namespaces that end with it, so that nothing of the host"
    " is changed and nothing is left; KERNELS='all pair' for every machine. It keeps consoles in"
    " `~/.cache/accel-vm/consoles`.",
    "",
    "## Features",
    "A row is a `Feature` of `accel/features.py`, with a probe that does the thing.",
    "",
)


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


def page(reports: Sequence[Report], *, which: str) -> str:
    """docs/kernels.md. `which` tests ran: "all", or the option that chose them."""
    heads = [f"{r.line}: `{r.release}`" if r.release else r.line for r in reports]
    rule = " --- |"
    lines = [
        "# Kernels",
        *_INTRODUCTION,
        f"| Feature | for | since | {' | '.join(heads)} |",
        f"| --- | --- | --- |{rule * len(reports)}",
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
        "The last run on every kernel" + ("." if which == "all" else f", with `{which}`."),
        "",
        f"| Tests | {' | '.join(heads)} |",
        f"| --- |{rule * len(reports)}",
    ]  # fmt: skip
    for name in sorted({name for report in reports for name in report.tests}):
        lines.append(_row([f"`{name}`"], [_counts(r.tests.get(name, Counter())) for r in reports]))
    lines.append(_row(["all, in s"], [f"{r.seconds:.0f}" for r in reports]))
    lines.append(_row(["the host's CPU, in s"], [f"{r.busy:.0f}" for r in reports]))
    lines.append(
        _row(
            ["to the first, in s"],
            ["not up" if r.up_after is None else f"{r.up_after:.0f}" for r in reports],
        )
    )
    reasons = sorted({(reason, r.line) for r in reports for reason in r.reasons})
    if reasons:
        lines += ["", "Skipped, with the reason:", ""]
        lines += [f"* {line}: {reason}" for reason, line in reasons]
    problems = [f"* {r.line}: {r.problem}" for r in reports if r.problem]
    return "\n".join([*lines, *(["", "Not run:", "", *problems] if problems else [])]) + "\n"


def _row(heads: Sequence[str], cells: Sequence[str]) -> str:
    return f"| {' | '.join([*heads, *cells])} |"


def _cell(report: Report, name: str) -> str:
    level, _ = report.findings.get(name, ("not known", ""))
    return {"ok": "yes", "warn": "no", "fail": "no"}.get(level, level)


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{n} {outcome}" for outcome, n in sorted(counts.items())) or "not run"


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
