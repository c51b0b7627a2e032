"""Guards as tables: what is configured, what is seen, and what was not let through."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import fields

from accel.model import plain_values
from accel.model.guard import Guard, SourceRate
from accel.model.results.guard import GuardSample, GuardState, GuardStatus
from accel.terminal import Table, amount, blocks

_FLAGS = ((2, "SYN"), (16, "ACK"), (4, "RST"), (1, "FIN"), (8, "PSH"), (32, "URG"))


def configured(guard: Guard) -> str:
    """What is asked for, a row for each field."""
    rows = [(field.name, _text(getattr(guard, field.name))) for field in fields(guard)]
    return Table(("GUARD", ""), rows).text()


def _text(value: object) -> str:
    if isinstance(value, SourceRate):
        each = (
            f"{value.source.per_second or 'no limit'}, prefix {value.prefix.per_second or 'none'}"
        )
        return f"{plain_values.word(value.level)}: {each}"
    return plain_values.word(value) if isinstance(value, enum.Enum) else str(value)


def at_work(status: GuardStatus) -> bool:
    """Whether there is anything to be said of it."""
    return status.state is not GuardState.OFF or bool(status.sources)


def status(found: Iterable[GuardStatus]) -> str:
    """A table of states and rates, one of thresholds, one of sources; and what hosts lack."""
    all_ = [s for s in found if at_work(s)]
    states = [
        (
            s.service,
            s.guard.mode.label,
            plain_values.word(s.guard.policy),
            _state(s),
            *(amount(rate) for rate in _rates(s)),
        )
        for s in all_
    ]
    limits = [
        (
            s.service,
            *(amount(n) for n in (s.thresholds.on, s.thresholds.off, s.thresholds.ceiling)),
            amount(s.thresholds.quiet),
            "learned" if s.thresholds.learned else "set" if s.guard.on_rate else "default",
        )
        for s in all_
        if s.state is not GuardState.OFF
    ]
    sources = [
        (s.service, source.prefix, amount(source.packets_per_second), f"{100 * source.share:.1f}%")
        for s in all_
        for source in s.sources
    ]
    heads = ("SYN/S", "CHALLENGED/S", "PROVEN/S", "COOKIES/S", "STRAYS/S", "DROPPED/S", "EXCESS/S")
    return blocks(
        (
            Table(("SERVICE", "MODE", "POLICY", "STATE", *heads), states).text() if states else "",
            Table(("SERVICE", "ON", "OFF", "CEILING", "QUIET", "FROM"), limits).text()
            if limits
            else "",
            Table(("SERVICE", "SOURCE", "PACKETS/S", "SHARE"), sources).text() if sources else "",
            "\n".join(f"{s.service} only monitors: {s.problem}" for s in all_ if s.problem),
        )
    )


def _state(status: GuardStatus) -> str:
    word = plain_values.word(status.state)
    if status.seconds is None:
        return word
    word = "always" if status.answering and status.state is GuardState.QUIET else word
    return f"{word} {status.seconds:.0f}s"


def _rates(status: GuardStatus) -> Iterable[float]:
    r = status.rates
    if r is None:
        return (0.0,) * 7
    challenged = r.challenged + r.first_syns
    proven = r.proven + r.cookies_answered
    return r.syn, challenged, proven, r.cookies, r.strays, r.dropped, r.excess


def samples(found: Iterable[GuardSample]) -> str:
    """A row for each."""
    rows = [
        (
            f"{s.seconds_ago:.1f}s",
            s.service or "-",
            s.verdict,
            f"{s.source} {s.source_port}",
            f"{s.destination} {s.destination_port}",
            "+".join(name for bit, name in _FLAGS if s.tcp_flags & bit) or str(s.protocol),
            s.length,
            amount(s.count),
        )
        for s in found
    ]
    heads = ("AGO", "SERVICE", "VERDICT", "FROM", "TO", "FLAGS", "BYTES", "NTH")
    return Table(heads, rows).text() if rows else ""
