"""HAProxy on the backends: a tier that keeps its connections to web servers behind it."""

from __future__ import annotations

import csv
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accel.agents.haproxy import ask
from accel.errors import HostError
from accel.lab.hosts import Host
from accel.lab.servers.nginx import bracketed
from accel.model.address import Address

_START_SECONDS = 10.0
_CONFIG = """\
global
  stats socket {socket} level user
  nbthread 2
defaults
  mode http
  timeout connect 10s
  timeout client 1h
  timeout server 1h
  http-reuse always
frontend service
{binds}
  http-response set-header X-Backend {name}
  http-request return status 200 content-type text/plain string "{name}\\n" if {{ path / }}
  default_backend web
backend web
{servers}
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Used:
    """Requests that went on over a new connection, and over one that was there."""

    connected: int
    reused: int

    def since(self, before: Used) -> Used:
        """What came on top."""
        return Used(connected=self.connected - before.connected, reused=self.reused - before.reused)

    @property
    def share(self) -> float:
        """Of requests that needed no new connection."""
        return self.reused / max(self.connected + self.reused, 1)


class Haproxy:
    """One process. It answers / with its name, and has the `upstreams` answer everything else.

    Every connection that one of them has served a request on is kept, for an hour.
    """

    def __init__(
        self, folder: Path, host: Host, addresses: Sequence[Address], upstreams: Sequence[Address]
    ) -> None:
        self.host = host
        self.socket = folder / f"{host.name}-haproxy.sock"
        self._config = folder / f"{host.name}-haproxy.cfg"
        for address in addresses:
            host.own(address)
        here = (*addresses, host.ipv4, host.ipv6)
        servers = (f"  server s{i} {a}:80 pool-purge-delay 1h" for i, a in enumerate(upstreams))
        self._config.write_text(
            _CONFIG.format(
                name=host.name,
                socket=self.socket,
                binds="\n".join(f"  bind {bracketed(address)}:80" for address in here),
                servers="\n".join(servers),
            )
        )
        self.start()

    def start(self) -> None:
        """Returns when its runtime API answers. Raises HostError if it does not."""
        self._process: subprocess.Popen[Any] = self.host.namespace.popen(
            ["haproxy", "-db", "-f", self._config], stderr=subprocess.PIPE
        )
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                ask(self.socket)
            except HostError:
                time.sleep(0.02)
            else:
                return
        self.stop()
        said = self._process.stderr.read() if self._process.stderr else ""
        raise HostError(
            f"HAProxy does not start on {self.host.name}: {said.strip() or 'no answer'}",
            hint="is it installed?",
        )

    def stop(self) -> None:
        """With all of its connections. May be called twice."""
        self._process.kill()
        self._process.wait()

    def used(self) -> Used:
        """Since it was started, by its own counters."""
        lines = ask(self.socket).splitlines()
        heading = next(i for i, line in enumerate(lines) if line.startswith("# pxname"))
        rows = [row for row in csv.DictReader(lines[heading:]) if row["svname"]]
        return Used(
            connected=sum(int(row["connect"]) for row in rows),
            reused=sum(int(row["reuse"]) for row in rows),
        )
