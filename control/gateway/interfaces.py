"""Which interfaces the program is on: stored first, then made so. Its calls may block."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterable, Sequence

from accel.control.gateway.part import Exclusively, Part
from accel.control.ports import InterfacePort
from accel.control.report.event_log import log_attachment
from accel.control.store.database import Store
from accel.ebpf.links import Attachment
from accel.errors import AccelError, NotFoundError

_log = logging.getLogger(__name__)


class Interfaces(Part):
    """Those that nobody spoke of before, of the names in `new`, are attached at the start.

    Calls of `attach` and `detach` may not overlap, nor a write.
    """

    def __init__(
        self,
        store: Store,
        links: InterfacePort,
        exclusively: Exclusively,
        *,
        new: Iterable[str] = (),
        xdp_mode: str = "auto",
    ) -> None:
        self._store = store
        self._links = links
        self._exclusively = exclusively
        self._new = list(dict.fromkeys(new))
        self._xdp_mode = xdp_mode
        self._problems: dict[str, str] = {}  # that were logged last

    async def ready(self) -> None:
        """Attach and detach as is stored, and attach those of `new` that nobody spoke of before.

        What is stored and cannot be done is logged. If one of the new ones cannot be attached none
        is: raises NotFoundError, HostError.
        """
        await self._exclusively(self._restore)

    async def second(self) -> None:
        await self._exclusively(self._keep)

    def _restore(self) -> None:
        stored, attached = self._store.attachments(), self._attached()
        unspoken = [interface for interface in self._new if interface not in stored]
        for interface in unspoken:
            _check(interface)
        for interface, (wanted, _) in stored.items():
            if not wanted and interface in attached:
                self._links.detach(interface)
        self._keep()
        done: list[str] = []
        try:
            for interface in unspoken:
                self.attach(interface, self._xdp_mode)
                done.append(interface)
        except AccelError:
            for interface in done:
                self._links.detach(interface)
                self._store.forget_attachment(interface)
            raise

    def _keep(self) -> None:
        """Attach what is to be attached and is not: an interface that was away is back, say.

        A problem is logged once.
        """
        attached = self._attached()
        for interface, (wanted, mode) in self._store.attachments().items():
            problem = ""
            if wanted and interface not in attached:
                try:
                    _check(interface)
                    log_attachment(self._links.attach(interface, mode))
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
            attachment = self._links.attach(interface, xdp_mode)
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
            self._links.detach(interface)
        _log.info("interface %s detached", interface)

    def attachments(self) -> Sequence[Attachment]:
        """Where it is attached now."""
        return self._links.attachments()

    def _attached(self) -> set[str]:
        return {attachment.interface for attachment in self._links.attachments()}


def _check(name: str) -> None:
    try:
        socket.if_nametoindex(name)
    except OSError:
        raise NotFoundError(
            "interface", name, hint="see `ip link` for those of this network namespace"
        ) from None
