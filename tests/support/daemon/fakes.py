"""A data path and a follower in memory, and a daemon made of them: no kernel is needed.

Run as a program it is acceld without a data path:
    python -m tests.support.daemon.fakes --socket S --state D --pin-root P
"""

from __future__ import annotations

import sys
from pathlib import Path

from accel.control import daemon
from accel.datapath import encode
from accel.datapath.capacity import Capacity
from accel.datapath.testrun import Outcome
from accel.model.placement import Limits
from accel.verdicts import Verdict
from tests.support.daemon.fake_calls import Calls
from tests.support.daemon.fake_counters import FakeCounters, FakeFlows
from tests.support.daemon.fake_follower import FakeFollower
from tests.support.daemon.fake_guards import FakeGuards
from tests.support.daemon.fake_hints import FakeHints, FakeHintSettings
from tests.support.daemon.fake_interfaces import FakeInterfaces
from tests.support.daemon.fake_prefixes import FakePrefixes
from tests.support.daemon.fake_steering import FakeSteering


class FakeDataPath:
    """A fake for each port. They note their calls in one list."""

    def __init__(self, pin_root: Path | None, limits: Limits) -> None:
        self.pin_path = pin_root
        self.limits = limits
        self.adopted = False
        self.calls = Calls()
        self.hints = FakeHints(limits)
        self.hint_settings = FakeHintSettings()
        self.steering = FakeSteering(self.calls, lambda: self.hints.sweep())
        self.guards = FakeGuards()
        self.prefixes = FakePrefixes(self.calls, limits.prefixes)
        self.counters = FakeCounters()
        self.flows = FakeFlows(limits.backends)
        self.interfaces = FakeInterfaces(self.calls)

    def run(self, frame: bytes, /) -> Outcome:
        """The first backend of the first service that has one, whatever the frame is."""
        for placed in self.steering.services.values():
            for backend in placed.backends:
                if encode.admitted(backend):
                    return Outcome(
                        action="XDP_TX",
                        frame=b"outer" + frame,
                        verdict=Verdict["FORWARD_SYN"],
                        service=placed.index,
                        backend=backend.number,
                        known_flow=False,
                        slot=17,
                        ifindex=1,
                    )
        return Outcome(
            action="XDP_PASS",
            frame=frame,
            verdict=Verdict["NOT_SERVICE"],
            service=0,
            backend=0,
            known_flow=False,
            slot=None,
            ifindex=0,
        )

    def capacities(self) -> list[Capacity]:
        used = len(self.steering.services)
        return [Capacity(map="services", used=used, limit=self.limits.services - 1, bytes=4096)]

    def close(self) -> None:
        pass


if __name__ == "__main__":
    sys.exit(daemon.main(open_data_path=FakeDataPath, make_follower=FakeFollower))
