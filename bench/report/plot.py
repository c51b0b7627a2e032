"""The curves of docs/performance.svg: each figure along the axis that it could grow on."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from bench.report.results import DOCS, Result, load

# Title, axes, and for each curve its label and the names of its figures.
PANELS: Sequence[tuple[str, str, str, Mapping[str, str]]] = (
    (
        "Established TCP by flows",
        "flows",
        "ns per packet",
        {"gateway": r"flows_(\d+)", "yardstick": r"yardstick_flows_(\d+)"},
    ),
    (
        "Established TCP by services",
        "services",
        "ns per packet",
        {"64 flows": r"services_(\d+)_flows_64", "64k flows": r"services_(\d+)_flows_65536"},
    ),
    (
        "Established TCP by backends",
        "backends of the service",
        "ns per packet",
        {"64 flows": r"backends_(\d+)_flows_64", "64k flows": r"backends_(\d+)_flows_65536"},
    ),
    (
        "A ring of 65537 slots",
        "backends",
        "ms",
        {"equal weights": r"ring_(\d+)", "weights 1 to 10": r"ring_(\d+)_weighted"},
    ),
    (
        "Apply over gRPC, rings of 65537",
        "services, 100 backends each",
        "s",
        {"one call": r"apply_(\d+)_services"},
    ),
)


def draw() -> None:
    """Write the picture from the latest figures."""
    try:
        import matplotlib
    except ImportError:
        sys.exit("matplotlib is missing: pip install 'accel-gateway[bench]'")
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "accel", "font.size": 8})
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 3, figsize=(11, 6), layout="constrained")
    results = load()
    for at, (title, x, y, curves) in zip(axes.flat, PANELS, strict=False):
        for label, name in curves.items():
            curve = points(results, name)
            at.plot([n for n, _ in curve], [v for _, v in curve], marker="o", ms=3, label=label)
        at.set(title=title, xlabel=x, ylabel=y, xscale="log", ylim=(0, None))
        at.legend(frameon=False)
        at.grid(alpha=0.3)
    _wire(axes.flat[5], results)
    figure.savefig(DOCS / "performance.svg", metadata={"Date": None})


def points(results: Mapping[str, Result], name: str) -> list[tuple[int, float]]:
    """Of a curve: the number in the name of each of its figures, and its value, by number."""
    found = ((re.fullmatch(name, r.name), r.value) for r in results.values())
    return sorted((int(match[1]), value) for match, value in found if match)


def _wire(at: Any, results: Mapping[str, Result]) -> None:
    bars = {n: results[f"wire_{n}"].value for n in ("gateway", "tx_only") if f"wire_{n}" in results}
    at.bar(list(bars), list(bars.values()), width=0.5)
    at.set(title="Whole path on veth, one core", ylabel="million frames per second")
