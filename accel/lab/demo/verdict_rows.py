"""What became of the packets, as rows of a table."""

from __future__ import annotations

from accel.model.results.gateway import Stats
from accel.verdicts import Verdict


def verdict_rows(stats: Stats) -> list[tuple[object, ...]]:
    """Each verdict that was counted, at any service or backend, most packets first."""
    counts = [*stats.gateway]
    for service in stats.services:
        counts += [*service.counts, *(c for backend in service.backends for c in backend.counts)]
    packets: dict[str, int] = {}
    for count in counts:
        packets[count.verdict] = packets.get(count.verdict, 0) + count.packets
    meanings = {verdict.label: verdict.meaning for verdict in Verdict}
    ordered = sorted(packets.items(), key=lambda item: -item[1])
    return [(name, number, meanings[name]) for name, number in ordered if number]
