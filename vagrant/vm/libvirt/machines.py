"""make vagrant-test: machines as `vagrant up` makes them, each tested, and destroyed.

One for each kernel, and the pair that stands on real interfaces. libvirt and networks are our own
(vagrant/vm/libvirt/daemons.py), in namespaces that end with this program.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from accel.errors import AccelError
from vagrant.vm.host.cache import cache, need_space
from vagrant.vm.host.folders import temporary
from vagrant.vm.host.namespaces import inside
from vagrant.vm.host.programs import ROOT, need_tools
from vagrant.vm.host.signals import end_in_order
from vagrant.vm.libvirt import box, daemons
from vagrant.vm.parts.kernels import choose
from vagrant.vm.results import suite

_MACHINES = {"5.10": "k510", "6.1": "k61", "6.12": "k612", "newest": "knewest"}
_PAIR = ("gateway", "backend")
_UP_SECONDS = 900  # one machine, with its provisioning
_TEST_SECONDS = 1200
_NEEDED_MB = 2500  # libvirt's copy of the box, and what machines write
_TAIL = 30  # lines
_REQUESTS = 200


def main() -> int:
    """0 if every machine came up and passed; 1 if one did not; else the error's exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m vagrant.vm.libvirt.machines", description=__doc__
    )
    parser.add_argument(
        "kernels", nargs="*", metavar="KERNEL",
        help=f"of {', '.join(_MACHINES)}; all; pair (default: 6.1 6.12 pair)",
    )  # fmt: skip
    parser.add_argument("--tests", nargs="+", default=list(suite.VAGRANT))
    parser.add_argument("--limit", type=float, default=7200, help="s, for everything")
    parser.add_argument("--within", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    end_in_order()
    names = [name for name in options.kernels if name != "pair"]
    pair = not options.kernels or len(names) < len(options.kernels)
    try:
        lines = choose(names) if names or not options.kernels else []
        if options.within:
            work = Machines(options.within)
            with daemons.daemons(options.within):
                good = [work.alone(line.name, options.tests) for line in lines]
                if pair:
                    good.append(work.pair())
            return 0 if all(good) else 1
        need_tools(vagrant=True)
        need_space(cache(), _NEEDED_MB)
        wanted = {line.name for line in lines} | ({"6.12"} if pair else set())
        box.make(choose(sorted(wanted)), environment=_environment())
        with temporary("vagrant-", cache()) as folder:
            command = [sys.executable, "-m", "vagrant.vm.libvirt.machines", "--within", str(folder)]
            command += [line.name for line in lines] + ["pair"] * pair
            return inside([*command, "--tests", *options.tests], seconds=options.limit)
    except AccelError as error:
        print(f"vagrant-test: {error}", file=sys.stderr)
        return error.exit_code


def _environment() -> dict[str, str]:
    """Vagrant's own state beside ours, so that it knows no other machines than these."""
    return {"VAGRANT_HOME": str(cache() / "vagrant"), "VAGRANT_BOX": box.NAME}


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What a command printed, and its exit status: 124 if it was ended after its time."""

    status: int
    output: str

    @property
    def tail(self) -> str:
        return "\n".join(f"  {line}" for line in self.output.strip().splitlines()[-_TAIL:])


class Machines:
    """Vagrant's machines, with their consoles kept."""

    def __init__(self, folder: Path) -> None:
        self._consoles = cache() / "consoles"
        self._consoles.mkdir(exist_ok=True)
        self._environment = {
            **os.environ,
            **_environment(),
            "VAGRANT_CWD": str(ROOT / "vagrant"),
            "VAGRANT_DOTFILE_PATH": str(folder / "dot"),
            "VAGRANT_DEFAULT_PROVIDER": "libvirt",
            "VAGRANT_CONSOLES": str(self._consoles),
            "VAGRANT_CHECKPOINT_DISABLE": "1",
        }

    def alone(self, line: str, tests: Sequence[str]) -> bool:
        """The machine of a line comes up, its tests pass, the demo too, and it goes."""
        name = _MACHINES[line]
        pytest = (
            f"cd /checkout && sudo CI=true ACCEL_KNOWN_SKIPS={line} python3 -m pytest -q"
            f" -p no:cacheprovider {' '.join(map(shlex.quote, tests))}"
        )
        try:
            return self._up(name) and all(
                self._told(name, self._ssh(name, command, seconds=_TEST_SECONDS))
                for command in (pytest, "accel demo")
            )
        finally:
            self._destroy(name)

    def pair(self) -> bool:
        """Clients on one machine's interface are answered over the other's, by way of XDP."""
        try:
            if not all(self._up(name) for name in _PAIR):
                return False
            asked = self._ssh("backend", f"sudo /checkout/vagrant/pair.sh ask {_REQUESTS}")
            stats = self._ssh("gateway", "accel stats; accel status; grep input /proc/interrupts")
            if asked.output.split()[-2:] != [str(_REQUESTS), "backend"]:
                return self._told("pair", Ran(status=1, output=asked.output + stats.output))
            return self._told("pair", stats)
        finally:
            for name in _PAIR:
                self._destroy(name)

    def _up(self, name: str) -> bool:
        """It is tried twice: some starts of an emulated machine wait for an address for ever."""
        for attempt in (1, 2):
            started = time.monotonic()
            ran = self._vagrant("up", name, seconds=_UP_SECONDS)
            took = time.monotonic() - started
            if ran.status == 0:
                print(f"{name}: up after {took:.0f} s, at attempt {attempt}", flush=True)
                return True
            print(f"{name}: not up after {took:.0f} s\n{ran.tail}", flush=True)
            console = self._consoles / f"{name}.txt"
            if console.exists():
                words = console.read_text(errors="replace")
                print(f"  ---- the console's last lines\n{Ran(status=0, output=words).tail}")
            self._destroy(name)
        return False

    def _told(self, name: str, ran: Ran) -> bool:
        good = ran.status == 0
        print(f"{name}: {'ok' if good else 'FAILED'}\n{ran.tail}", flush=True)
        return good

    def _ssh(self, name: str, command: str, *, seconds: float = 300) -> Ran:
        return self._vagrant("ssh", name, "-c", command, seconds=seconds)

    def _destroy(self, name: str) -> None:
        self._vagrant("destroy", "-f", name, seconds=120)

    def _vagrant(self, *arguments: str, seconds: float) -> Ran:
        command = ["timeout", "--kill-after=20", f"{seconds:.0f}", "nice", "-n", "5", "vagrant"]
        done = subprocess.run(
            [*command, *arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        return Ran(status=done.returncode, output=done.stdout.decode(errors="replace"))


if __name__ == "__main__":
    sys.exit(main())
