"""A long way from a client to its servers, on kernels without netem: packets wait in user space.

    processes of the host ─▶ delay0 (TUN) ─▶ this process, for so long ─▶ eth0

Only what the host sends waits, for the whole round-trip time: what comes back does not.
"""

from __future__ import annotations

import collections
import fcntl
import os
import select
import socket
import struct
import threading
import time
from types import TracebackType
from typing import Self

from accel.errors import HostError
from accel.lab.hosts import INTERFACE, SERVICES, Host

_NAME = "delay0"
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_MTU = 1500


class Delay:
    """What `host` sends to IPv4 services takes `seconds` longer, until `stop`. A context manager.

    Raises HostError without TUN devices.
    """

    def __init__(self, host: Host, seconds: float) -> None:
        self._seconds = seconds
        with host.namespace.entered():
            try:
                self._tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
                request = struct.pack("16sH22x", _NAME.encode(), _IFF_TUN | _IFF_NO_PI)
                fcntl.ioctl(self._tun, _TUNSETIFF, request)
            except OSError as error:
                raise HostError(
                    f"no TUN device: {error.strerror}", hint="modprobe tun, or go without a delay"
                ) from None
            # Bound to the interface, its packets do not come by the TUN device again.
            self._out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
            self._out.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, INTERFACE.encode())
        link, index = host.namespace.netlink, host.namespace.index(_NAME)
        link.link("set", index=index, mtu=_MTU, state="up")
        (services,) = (network for network in SERVICES if network.version == 4)
        link.route("add", dst=str(services), oif=index)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """The way is short again."""
        self._over.set()
        self._thread.join()
        self._out.close()
        os.close(self._tun)  # the device goes, and its route

    def _run(self) -> None:
        waiting: collections.deque[tuple[float, bytes]] = collections.deque()
        while not self._over.is_set():
            pause = waiting[0][0] - time.monotonic() if waiting else 0.1
            if select.select([self._tun], [], [], max(0.0, pause))[0]:
                waiting.append((time.monotonic() + self._seconds, os.read(self._tun, 2 * _MTU)))
            while waiting and waiting[0][0] <= time.monotonic():
                packet = waiting.popleft()[1]
                if packet[0] >> 4 == 4:  # the kernel asks for IPv6 neighbours there, too
                    self._out.sendto(packet, (socket.inet_ntoa(packet[16:20]), 0))
