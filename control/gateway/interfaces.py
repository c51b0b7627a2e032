"""Which interfaces the program is on: stored first, then made so. Its calls may block."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterable

from accel.control.needs import DataPath
from accel.control.report.event_log import log_attachment
from accel.control.store.database import Store
from accel.ebpf.links import Attachment
from accel.errors import AccelError, NotFoundError

_log = logging.getLogger(__name__)


class Interfaces:
    """Its user sees to it that calls do not overlap."""

    def __init__(self, store: Store, data_path: DataPath) -> None:
        self._store = store
        self._data_path = data_path
        self._problems: dict[str, str] = {}  # that were logged last

    def restore(self, new: Iterable[str], xdp_mode: str) -> None:
        """Attach and detach as is stored, and attach those of `new` that nobody spoke of before.

        What is stored and cannot be done is logged. If one of the new ones cannot be attached none
        is: raises NotFoundError, HostError.
        """
        stored, attached = self._store.attachments(), self._attached()
        unspoken = [interface for interface in dict.fromkeys(new) if interface not in stored]
        for interface in unspoken:
            _check(interface)
        for interface, (wanted, _) in stored.items():
            if not wanted and interface in attached:
                self._data_path.detach(interface)
        self.keep()
        done: list[str] = []
        try:
            for interface in unspoken:
                self.attach(interface, xdp_mode)
                done.append(interface)
        except AccelError:
            for interface in done:
                self._data_path.detach(interface)
                self._store.forget_attachment(interface)
            raise

    def keep(self) -> None:
        """Attach what is to be attached and is not: an interface that was away is back, say.

        To be called about once a second. A problem is logged once.
        """
        attached = self._attached()
        for interface, (wanted, mode) in self._store.attachments().items():
            problem = ""
            if wanted and interface not in attached:
                try:
                    _check(interface)
                    log_attachment(self._data_path.attach(interface, mode))
                except AccelError as error:
                    problem = str(error)
            if problem and problem != self._problems.get(interface):
                _log.error("%s; trying again", problem)
            self._problems[interface] = problem

    def attach(self, interface: str, xdp_mode: str) -> Attachment:
        """Steer what arrives there, also after a restart. `xdp_mode`: "auto", "native", "generic".

        Raises NotFoundError, or HostError if the kernel refuses; then nothing is remembered of it.
        """
        _check(interface)
        former = self._store.attachments().get(interface)
        self._store.set_attachment(interface, wanted=True, mode=xdp_mode)
        try:
            attachment = self._data_path.attach(interface, xdp_mode)
        except AccelError:
            if former is None:
                self._store.forget_attachment(interface)
            else:
                self._store.set_attachment(interface, wanted=former[0], mode=former[1])
            raise
        log_attachment(attachment)
        return attachment

    def detach(self, interface: str) -> None:
        """Leave what arrives there to the host, also after a restart.

        Raises NotFoundError if it is not attached and is not to be.
        """
        wanted, mode = self._store.attachments().get(interface, (False, "auto"))
        here = interface in self._attached()
        if not wanted and not here:
            raise NotFoundError(
                "interface", interface, hint="it is not attached: see the status for those"
            )
        self._store.set_attachment(interface, wanted=False, mode=mode)
        if here:
            self._data_path.detach(interface)
        _log.info("interface %s detached", interface)

    def _attached(self) -> set[str]:
        return {attachment.interface for attachment in self._data_path.attachments()}


def _check(name: str) -> None:
    try:
        socket.if_nametoindex(name)
    except OSError:
        raise NotFoundError(
            "interface", name, hint="see `ip link` for those of this network namespace"
        ) from None
