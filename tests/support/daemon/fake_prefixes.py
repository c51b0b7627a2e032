"""Allowed and denied prefixes in memory: PrefixPort."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from accel.errors import CapacityError
from accel.model.address import Address
from accel.model.prefix import Network
from accel.model.prefix_columns import Prefixes
from tests.support.daemon.fake_calls import Calls


class FakePrefixes(dict[Network, bool]):
    """Whether each one is denied."""

    def __init__(self, calls: Calls, limit: int) -> None:
        super().__init__()
        self.limit = limit
        self._calls = calls

    def prepare(self) -> None:
        """Nothing to compile."""

    def plan(
        self, put: Prefixes, remove: Prefixes | None = None, /, *, only: bool = False
    ) -> Callable[[], int]:
        after = {} if only else dict(self)
        after.update(put)
        for network, _ in remove or ():
            after.pop(network, None)
        if len(after) > self.limit:
            raise CapacityError(
                "prefixes", needed=len(after), limit=self.limit, option="--max-prefixes"
            )

        def write() -> int:
            self._calls.note("prefixes", len(after))
            self.clear()
            self.update(after)
            return len(after)

        return write

    def actions(self, prefixes: Prefixes, /) -> Any:
        found = [self.get(network) for network, _ in prefixes]
        return np.array([0 if deny is None else 1 + deny for deny in found], np.int64)

    def lookup(self, address: Address, /) -> tuple[Network, bool] | None:
        found = [n for n in self if n.version == address.version and address in n]
        best = max(found, key=lambda n: n.prefixlen, default=None)
        return None if best is None else (best, self[best])
