"""The reference model of the guard: stances, proven sources, rates, and what SYNs are answered by.

Written from docs/guard.md, docs/prefixes.md and RFC 9293. All modes but cookie-local, whose cookies
are the kernel's; time is told, in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address

from accel.datapath.guard.actions import Level, Rule, Stance
from accel.model.guard import GuardMode
from tests.model.cookie_model import Asked, asked, cookie, kept_mss, option_bits
from tests.model.packet_model import TCP, UDP, EndsAs, Headers
from tests.model.siphash_model import Key, challenge_number

FIN, SYN, RST, PUSH, ACK, URGENT = 1, 2, 4, 8, 16, 32
SIX = 63
LIFETIME = 8  # epochs
SHORTEST, LONGEST = 0.5, 4.0  # seconds until a SYN is sent again
SPARE = 1 << 29
SYN_RATE, UDP_RATE, ICMP_RATE = 0, 2, 4  # of a source; of its prefix: the next one
ECN = 0xC0  # RFC 3168 6.1.1: ECE and CWR
Network = IPv4Network | IPv6Network
Source = tuple[int, bytes]  # IP version, and the part of the address that counts


class Challenged(Exception):
    """The SYN is answered; the argument is what the answer acknowledges."""


@dataclass
class Cookie(Exception):
    """The SYN is answered with a SYN cookie, and this."""

    number: int
    asks: Asked
    mss: int
    scale: int
    ecn: bool


@dataclass(kw_only=True)
class GuardModel:
    """All guards, by the index of their service. `each` is how long a token takes, in seconds."""

    keys: tuple[Key, ...]
    cookie_keys: tuple[Key, ...]
    each: float
    generation: int = 0
    epoch: int = 0
    now: float = 0
    stances: Mapping[int, Stance] = field(default_factory=dict)
    prefixes: Sequence[tuple[Network, bool]] = ()  # and whether they are denied
    noted: list[tuple[int, str]] = field(default_factory=list)
    _proven: dict[Source, int] = field(default_factory=dict)
    _full_at: dict[tuple[object, ...], float] = field(default_factory=dict)
    _first_syns: dict[tuple[object, ...], float] = field(default_factory=dict)

    def forget_times(self) -> None:
        """No SYN has been seen, and every bucket is full."""
        self._full_at, self._first_syns = {}, {}

    def next_epoch(self) -> None:
        """Sources that did not come back for their lifetime are forgotten."""
        self.epoch += 1
        self._proven = {s: e for s, e in self._proven.items() if self.epoch - e <= LIFETIME}

    def filter(self, ip: Headers, guard: int, service: int) -> bool:
        """What is kept out before anything else. Raises EndsAs. Whether the source is allowed."""
        stance = self._of(guard)
        denied = self._listed(ip)
        if denied:
            self._judge(stance, Rule.PREFIX, service, "DENIED")
        if denied is False and stance.levels.get(Rule.PREFIX) is Level.ON:
            return True
        if ip.protocol == TCP:
            if ip.more_fragments:
                self._judge(stance, Rule.FRAGMENT, service, "FIRST_FRAGMENT")
            if _nobody_sends(ip.flags & SIX):
                self._judge(stance, Rule.FLAGS, service, "BAD_FLAGS")
        elif ip.protocol == UDP:
            self._limit(stance, Rule.UDP_RATE, UDP_RATE, ip, (guard, "UDP"), service, "UDP_RATE")
        else:
            whose = (guard, "ICMP")
            self._limit(stance, Rule.ICMP_RATE, ICMP_RATE, ip, whose, service, "ICMP_RATE")
        return False

    def _listed(self, ip: Headers) -> bool | None:
        """Whether the longest prefix that has the source is denied; None without any."""
        source = ip_address(ip.source)
        found = [(network.prefixlen, denied) for network, denied in self.prefixes
                 if source in network]  # fmt: skip
        return max(found)[1] if found else None

    def opening(self, ip: Headers, index: int) -> None:
        """SYNs, and RSTs that may be answers. Raises EndsAs and Challenged."""
        stance = self._of(index)
        level = stance.levels.get(Rule.SYN, Level.OFF)
        if level is Level.OFF or ip.protocol != TCP:
            return
        if ip.flags & RST:
            if self._answers(ip):
                self._proven[_source(ip)] = self.epoch
                raise EndsAs("PROVEN")
        elif _opens(ip.flags) and level is not Level.LINGER:
            self._syn(ip, stance, index)

    def _syn(self, ip: Headers, stance: Stance, index: int) -> None:
        answer = {GuardMode.AUTH: "CHALLENGED", GuardMode.RETRANSMIT: "FIRST_SYN"}
        only_watched = stance.levels[Rule.SYN] is Level.MONITOR
        if stance.mode is GuardMode.COOKIE_BACKEND and not only_watched:
            self._answer(ip, stance)
        if not self._is_proven(ip):
            if only_watched:
                self.noted.append((index, answer.get(stance.mode, "COOKIE")))
                return
            if stance.mode is not GuardMode.RETRANSMIT:
                raise Challenged(self._number(ip))
            self._wait(ip, index)
        self._admit(stance, ip, index, "SYNs")

    def _answer(self, ip: Headers, stance: Stance) -> None:
        """With a cookie, if one can say as little as the client's MSS."""
        asks, ecn = asked(ip.options), ip.flags & ECN == ECN
        if kept_mss(ip.version, asks.mss) is None:
            return
        bits = option_bits(ip.version, asks, ecn=ecn)
        number = self._cookie(ip, self.generation, ip.sequence, bits, stance.wscale)
        raise Cookie(number, asks, stance.mss[ip.version], stance.wscale, ecn)

    def _has_cookie(self, ip: Headers, stance: Stance) -> bool:
        """Whether it acknowledges one of ours, by the current key or the one before."""
        number = (ip.acknowledged - 1) % (1 << 32)
        isn = (ip.sequence - 1) % (1 << 32)
        return any(
            number == self._cookie(ip, generation, isn, number >> 22 & 255, stance.wscale)
            for generation in (self.generation, self.generation - 1)
        )

    def _cookie(self, ip: Headers, generation: int, isn: int, bits: int, announced: int) -> int:
        assert ip.ports
        return cookie(
            self.cookie_keys[generation % 4],
            generation,
            ip.source,
            ip.destination,
            b"".join(ip.ports),
            isn=isn,
            bits=bits,
            announced=announced,
        )

    def stray(self, ip: Headers, index: int) -> bool:
        """Of no known flow. Raises EndsAs. Whether a cookie opens a connection."""
        stance = self._of(index)
        if ip.protocol != TCP or _opens(ip.flags):
            return False
        cookies = stance.mode is GuardMode.COOKIE_BACKEND
        cookies &= stance.levels.get(Rule.SYN) in (Level.ON, Level.LINGER)
        cookies &= ip.flags & (SYN | ACK | RST) == ACK
        if cookies and self._has_cookie(ip, stance):
            self.noted.append((index, "PROVEN"))
            self._admit(stance, ip, index, "SYNs")
            return True
        if stance.levels.get(Rule.UNKNOWN):
            if self._is_proven(ip):
                self._admit(stance, ip, index, "strays")
            else:
                verdict = "BAD_COOKIE" if cookies else "UNKNOWN_FLOW"
                self._judge(stance, Rule.UNKNOWN, index, verdict)
        return False

    def _admit(self, stance: Stance, ip: Headers, index: int, what: str) -> None:
        self._limit(stance, Rule.SYN_RATE, SYN_RATE, ip, (index, what), index, "SYN_RATE")

    def _wait(self, ip: Headers, index: int) -> None:
        """For the same SYN to be sent again; it proves its source."""
        syn = (index, ip.source, ip.ports, ip.sequence)
        waited = self.now - self._first_syns.get(syn, float("-inf"))
        if SHORTEST <= waited <= LONGEST:
            self._proven[_source(ip)] = self.epoch
            return
        if waited > LONGEST:
            self._first_syns[syn] = self.now
        raise EndsAs("FIRST_SYN")

    def _number(self, ip: Headers) -> int:
        number = self._made(ip, self.generation)
        return number ^ SPARE if number == (ip.sequence + 1) % (1 << 32) else number

    def _answers(self, ip: Headers) -> bool:
        """By the current key, or the one before."""
        valid = {self._made(ip, g) for g in (self.generation, self.generation - 1)}
        return ip.sequence & ~SPARE in valid

    def _made(self, ip: Headers, generation: int) -> int:
        assert ip.ports
        ports = b"".join(ip.ports)
        return challenge_number(self.keys, generation, ip.source, ip.destination, ports)

    def _is_proven(self, ip: Headers) -> bool:
        source = _source(ip)
        if source not in self._proven:
            return False
        self._proven[source] = self.epoch
        return True

    def levels_of(self, guard: int) -> Mapping[Rule, Level]:
        """What each rule does."""
        return self._of(guard).levels

    def is_idle(self, guard: int) -> bool:
        """Whether no rule of it does anything."""
        return not any(self._of(guard).levels.values())

    def _of(self, guard: int) -> Stance:
        return self.stances.get(guard, Stance())

    def _judge(self, stance: Stance, rule: Rule, index: int, verdict: str) -> None:
        level = stance.levels.get(rule, Level.OFF)
        if level is Level.ON:
            raise EndsAs(verdict)
        if level is Level.MONITOR:
            self.noted.append((index, verdict))

    def _limit(
        self,
        stance: Stance,
        rule: Rule,
        rate: int,
        ip: Headers,
        whose: tuple[int, str],
        index: int,
        verdict: str,
    ) -> None:
        """A token of the source's, then one of its prefix's."""
        if not stance.levels.get(rule):
            return
        if not (
            self._take(stance.rates[rate].burst, (*whose, _source(ip)))
            and self._take(stance.rates[rate + 1].burst, (*whose, "prefix", _prefix(ip)))
        ):
            self._judge(stance, rule, index, verdict)

    def _take(self, burst: int, bucket: tuple[object, ...]) -> bool:
        """Whether there was a token; without a burst there is no limit.

        Fuller than full, by a rate that has changed, is as good as long ago.
        """
        if not burst:
            return True
        full_at = self._full_at.get(bucket, self.now)
        if not 0 <= full_at - self.now <= burst * self.each:
            full_at = self.now
        if full_at - self.now > (burst - 1) * self.each:
            return False
        self._full_at[bucket] = full_at + self.each
        return True


def _source(ip: Headers) -> Source:
    return ip.version, ip.source if ip.version == 4 else ip.source[:8]


def _prefix(ip: Headers) -> Source:
    return ip.version, ip.source[:3] if ip.version == 4 else ip.source[:6]


def _opens(flags: int) -> bool:
    return flags & (SYN | ACK | RST | FIN) == SYN


def _nobody_sends(flags: int) -> bool:
    refused = {0, FIN | PUSH | URGENT}
    return flags in refused or bool(flags & SYN and flags & (FIN | RST))
