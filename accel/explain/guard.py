"""Why the guard of a service kept a packet out, and what would let it through. Pure."""

from __future__ import annotations

from accel.datapath.flows import EPOCH_SECONDS
from accel.datapath.layout import CONSTANTS
from accel.model.guard import Guard, GuardMode, Policy, SourceRate
from accel.verdicts import Verdict

_PROVEN_MINUTES = CONSTANTS["LIFETIME"] * EPOCH_SECONDS // 60
_ALLOW = "or allow its prefix"


def steps(verdict: Verdict, guard: Guard) -> list[str]:
    """Sentences for what `guard` has decided; none for what is not its doing."""
    found = _steps(verdict, guard)
    if found or not verdict.forward or guard.policy is not Policy.MONITOR:
        return found
    return ["The service's guard only monitors: it counts what it would refuse, and lets it pass."]


def _steps(verdict: Verdict, guard: Guard) -> list[str]:
    rates = {
        "SYN_RATE": ("new connections", guard.syn_rate),
        "UDP_RATE": ("datagrams", guard.udp_rate),
        "ICMP_RATE": ("ICMP packets", guard.icmp_rate),
    }
    if verdict.name in rates:
        what, rate = rates[verdict.name]
        return _rate_steps(verdict.label, what, rate)
    if verdict.name == "DENIED":
        return ["What would let it through: to remove that prefix, or to allow a longer one."]
    if verdict.name in ("CHALLENGED", "FIRST_SYN", "COOKIE"):
        return [_answering(guard), *_answer_steps(guard.mode)]
    if verdict.name == "PROVEN":
        return [
            "It answers a challenge of the service's guard with the right number: its source is "
            f"proven, until it is silent for {_PROVEN_MINUTES} minutes."
        ]
    if verdict.name in ("UNKNOWN_FLOW", "BAD_COOKIE"):
        return _stray_steps(verdict, guard)
    checks = {
        "BAD_FLAGS": ("No client sends these TCP flags together (RFC 9293)", "flags"),
        "FIRST_FRAGMENT": ("It is the first fragment of a TCP segment", "fragments"),
    }
    if verdict.name not in checks:
        return []
    why, check = checks[verdict.name]
    return [
        f"{why}, which the service's guard refuses: {check} is {_word(getattr(guard, check))}.",
        f"What would let it through: {check} at level monitor, {_ALLOW}.",
    ]


def _answering(guard: Guard) -> str:
    why = "its policy is always" if guard.policy is Policy.ALWAYS else "there is an attack"
    return f"The service's guard answers SYNs by mode {guard.mode.label}, since {why}."


def _answer_steps(mode: GuardMode) -> list[str]:
    if mode is GuardMode.AUTH:
        return [
            "Its source has not proven that it gets what is sent to it: it is challenged by an ACK "
            "with a number that it cannot know otherwise.",
            "What would let it through: a client answers that with an RST, and its SYN passes when "
            f"it is sent again; then all from its address, {_ALLOW}.",
        ]
    if mode is GuardMode.RETRANSMIT:
        return [
            "No SYN of the same addresses and ports has come in the last four seconds: it is "
            "dropped.",
            "What would let it through: to come again after half a second to four seconds, as a "
            f"client sends it, {_ALLOW}.",
        ]
    whose, time = _cookies(mode)
    return [
        f"It is answered with a SYN cookie of {whose}, and nothing is stored.",
        f"What would let the connection through: the ACK that returns the cookie, within {time}, "
        f"{_ALLOW}.",
    ]


def _cookies(mode: GuardMode) -> tuple[str, str]:
    """Whose they are, and how long they are good."""
    if mode is GuardMode.COOKIE_LOCAL:
        return "this host's kernel", "two minutes"
    return "the gateway's", "two key periods"


def _stray_steps(verdict: Verdict, guard: Guard) -> list[str]:
    why = "Its connection is not known, it opens none, and its source is not proven"
    if verdict.name == "BAD_COOKIE":
        whose, time = _cookies(guard.mode)
        why += f"; what it acknowledges is no SYN cookie of {whose} from the last {time}"
    return [
        f"{why}: unknown is {_word(guard.unknown)}.",
        "What would let it through: to come from a source that is proven, or whose connection the "
        f"gateway has seen in the last {_PROVEN_MINUTES} minutes, {_ALLOW}.",
    ]


def _rate_steps(label: str, what: str, rate: SourceRate) -> list[str]:
    limits = [
        f"{each.per_second} per second of {of}"
        for each, of in ((rate.source, "a source"), (rate.prefix, "a /24 or /48"))
        if each.per_second
    ]
    return [
        f"Its source or prefix sends more {what} than it may: {' and '.join(limits)}.",
        f"What would let it through: to wait, a greater {label}, {_ALLOW}.",
    ]


def _word(level: object) -> str:
    return getattr(level, "name", str(level)).lower()
