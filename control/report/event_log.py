"""What the gateway says in its log: one line for an event, ten at most."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice

from accel.control.report.watch import Attack
from accel.control.state.state import Change
from accel.ebpf.links import Attachment
from accel.model.address import Address
from accel.model.placement import NextHop
from accel.model.service import Service
from accel.nexthop.mirror import Unresolved
from accel.nexthop.path_mtu import KEPT, TooBig

LINES = 10  # that one event may take

_log = logging.getLogger(__name__)


def log_attachment(attachment: Attachment) -> None:
    """Which interface, which mode, and why not the other."""
    _log.info("interface %s attached, %s", attachment.interface, attachment.xdp_mode)
    if attachment.warning:
        _log.warning("interface %s: %s", attachment.interface, attachment.warning)


def log_changes(changes: Sequence[Change], revision: int) -> None:
    """Of one write: the object if it is one, else how many of each kind."""
    if len(changes) > 1:
        kinds = Counter(_kind(change) for change in changes)
        counted = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        _log.info("revision %d: %s", revision, counted)
        return
    subject = changes[0].subject
    name = subject.name if isinstance(subject, Service) else f"{subject.service}/{subject.name}"
    what = type(subject).__name__.lower()
    _log.info("revision %d: %s %s %s", revision, what, name, _kind(changes[0]))


def _kind(change: Change) -> str:
    if change.before is None:
        return "created"
    return "deleted" if change.after is None else "updated"


def log_hops(hops: Mapping[Address, NextHop | Unresolved]) -> None:
    """Next hops that changed."""
    found = {address: hop for address, hop in hops.items() if isinstance(hop, NextHop)}
    for address, hop in islice(found.items(), LINES):
        mac = hop.mac.hex(":")
        _log.info("next hop of %s is %s on %s, MTU %d", address, mac, hop.interface, hop.mtu)
    if len(found) > LINES:
        _log.info("and so for %d more addresses", len(found) - LINES)
    log_unresolved({a: hop for a, hop in hops.items() if isinstance(hop, Unresolved)})


def log_attacks(attacks: Sequence[Attack]) -> None:
    """Which began or ended."""
    for event in attacks[:LINES]:
        does = "; it is only monitored" if event.monitored else ""
        if event.started:
            _log.warning(
                "service %s is under attack: %.0f packets/s without a client%s",
                event.service,
                event.excess,
                does,
            )
        else:
            _log.info(
                "service %s is not under attack any more, after %.0f s: at most %.0f packets/s%s",
                event.service,
                event.seconds,
                event.excess,
                does,
            )
    if len(attacks) > LINES:
        _log.warning("and so for %d more services", len(attacks) - LINES)


def log_path_mtus(errors: Mapping[Address, TooBig]) -> None:
    """What is believed of ways to backends."""
    for address, error in islice(errors.items(), LINES):
        _log.warning(
            "the way to %s takes only packets of %d bytes, says router %s: known for %d minutes",
            address,
            error.mtu,
            error.router,
            KEPT // 60,
        )
    if len(errors) > LINES:
        _log.warning("and so for %d more addresses", len(errors) - LINES)


def log_unresolved(hops: Mapping[Address, Unresolved]) -> None:
    """Addresses that have none."""
    for address, hop in islice(hops.items(), LINES):
        _log.warning("no next hop for backends at %s: %s", address, hop.problem)
    if len(hops) > LINES:
        _log.warning("and %d more addresses: see the list of backends", len(hops) - LINES)
