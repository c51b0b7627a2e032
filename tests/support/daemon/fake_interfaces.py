"""Interfaces in memory: InterfacePort."""

from __future__ import annotations

from accel.ebpf.links import Attachment
from accel.errors import NotFoundError
from tests.support.daemon.fake_calls import Calls


class FakeInterfaces:
    """Mode auto falls back to generic."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._attachments: dict[str, Attachment] = {}

    def attach(self, interface: str, mode: str, /) -> Attachment:
        self._calls.note("attach", interface, mode)
        xdp_mode = "generic" if mode == "auto" else mode
        warning = "no native mode here" if mode == "auto" else ""
        found = Attachment(interface=interface, xdp_mode=xdp_mode, warning=warning)
        self._attachments[interface] = found
        return found

    def detach(self, interface: str, /) -> None:
        self._calls.note("detach", interface)
        if interface not in self._attachments:
            raise NotFoundError("interface", interface)
        del self._attachments[interface]

    def attachments(self) -> list[Attachment]:
        return list(self._attachments.values())
