"""A report as lines for the terminal."""

from __future__ import annotations

from threading import Lock

from vagrant.vm.results.report import Report

_LOCK = Lock()


def text(report: Report) -> str:
    """What ran, what was skipped and why, what the preflight said."""
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
    lines += [f"  skipped, and not in known_skips.txt: {skip}" for skip in report.unlisted]
    lines += [f"  in known_skips.txt, and not skipped any more: {skip}" for skip in report.unused]
    lines += _checked(report)
    return "\n".join(lines) + (f"\n{report.tail}" if report.tail else "")


def _checked(report: Report) -> list[str]:
    """What the preflight found, except that no daemon runs."""
    found = {name: finding for name, finding in report.findings.items() if name != "daemon"}
    bad = [
        f"  accel check: {name}: {level}: {words}"
        for name, (level, words) in found.items()
        if level != "ok"
    ]
    return bad or (["  accel check: all ok"] if found else [])


def say(words: str) -> None:
    """Print whole lines: machines run side by side, and speak in between."""
    with _LOCK:
        print(words, flush=True)
