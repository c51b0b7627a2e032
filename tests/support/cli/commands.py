"""What a command leaves, and a configuration file for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

FILE = """\
services:
  - name: api
    address: 203.0.113.10
    port: 443
    backends:
      - {name: a, address: 10.0.0.11}
      - {name: b, address: 10.0.0.12, weight: 200, mode: gue}
      - {name: lost, address: 10.99.0.1}
  - name: dns
    address: 2001:db8::53
    port: 0
    protocol: udp
"""


@dataclass(frozen=True)
class Result:
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def value(self) -> object:
        return json.loads(self.out)


Accel = Callable[..., Result]
