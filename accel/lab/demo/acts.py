"""`make demo`: the gateway at work, with real clients and servers, in namespaces of this host."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from accel.errors import AccelError, HostError
from accel.lab.clients.kept import KeptFlows
from accel.lab.clients.requests import Answer, Tally, curl
from accel.lab.daemon import Daemon
from accel.lab.demo import scene
from accel.lab.demo.returning import Returning
from accel.lab.demo.scene import DRAINED, KILLED, Shown
from accel.lab.demo.screen import Screen
from accel.lab.demo.siege import Siege, weaken
from accel.lab.demo.verdict_rows import verdict_rows
from accel.lab.hosts import Topology
from accel.lab.network import Lab
from accel.model.backend import Mode, State
from accel.model.results.gateway import Target
from accel.terminal import Table, paint

REQUESTS = 600  # of each service in each of the first three acts
_PER_HTTPS = 4  # one of so many is by HTTPS
_BATCH = 40
_ACT_SECONDS = 8.0  # after which an act begins no more requests
_MIDDLE_SECONDS = 3.0  # the latest middle of an act
_KEPT = 24  # connections that stay open while a backend drains
_BAR = 10  # characters


@dataclass(kw_only=True)
class Demo:
    """The state of one run."""

    lab: Lab
    screen: Screen
    daemon: Daemon
    shown: list[Shown]
    per_act: int  # requests of each service
    until: float = 0.0
    tallies: dict[str, Tally] = field(default_factory=dict)
    first_act: dict[str, Tally] = field(default_factory=dict)
    dying: bool = False  # KILLED is being taken away, or is gone
    dead: bool = False
    again: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def requests(self) -> int:
        return sum(tally.requests for tally in self.tallies.values())

    @property
    def failed(self) -> list[Answer]:
        return [answer for tally in self.tallies.values() for answer in tally.errors]

    def lines(self) -> list[str]:
        """One for each service: how many requests, and who answered them."""
        lines = [paint("  service    asked  answered by", "bold")]
        for shown in self.shown:
            tally = self.tallies[shown.service.name]
            parts = "  ".join(
                f"{name} {tally.backends[name]:4d} {_bar(tally.backends[name], tally.requests)}"
                for name in shown.names
            )
            lines.append(f"  {shown.service.name:9} {tally.requests:6d}  {parts}")
        return lines

    def draw(self, *, now: bool = False) -> None:
        summary = f"{self.requests} requests, {len(self.failed)} failed"
        self.screen.draw(self.lines(), summary=summary, now=now)

    def act(self, middle: Callable[[], None] | None = None) -> None:
        """All services' requests, in parallel; `middle` is done when a third of them is made."""
        began = time.monotonic()
        self.until = began + _ACT_SECONDS
        third = self.requests + len(self.shown) * self.per_act // 3
        with ThreadPoolExecutor(len(self.shown)) as pool:
            clients = [pool.submit(self._ask, shown) for shown in self.shown]
            try:
                while not all(client.done() for client in clients):
                    time.sleep(0.05)
                    self.draw()
                    late = time.monotonic() > began + _MIDDLE_SECONDS
                    if middle is not None and (late or self.requests >= third):
                        middle()
                        middle = None
            finally:
                self.until = 0.0  # after Ctrl-C: begin no more
        for client in clients:
            client.result()
        self.draw(now=True)
        self.screen.keep()

    def _ask(self, shown: Shown) -> None:
        """Over a new connection each; once more only what KILLED may have had as it died."""
        schemes = ["http" if i % _PER_HTTPS else "https" for i in range(self.per_act)]
        urls = [shown.url(scheme) for scheme in schemes]
        for start in range(0, len(urls), _BATCH):
            if time.monotonic() > self.until:
                break
            unharmed = self.dead or KILLED not in shown.names
            answers = curl(self.lab.client, urls[start : start + _BATCH], parallel=6, timeout=5.0)
            broken = [answer.url for answer in answers if not answer.ok]
            if broken and self.dying and not unharmed:
                self.again += len(broken)
                answers = [answer for answer in answers if answer.ok]
                answers += curl(self.lab.client, broken, timeout=5.0)
            self.tallies[shown.service.name].add(answers)

    def set_state(self, name: str, state: State) -> None:
        """Of this backend, in each service that has it."""
        for shown in self.shown:
            if name in shown.names:
                self.daemon.client.update_backend(shown.service.name, name, state=state)


def main(argv: Sequence[str] | None = None) -> int:
    """Show it. Returns 0 if no request failed, 1 if one did, an error's exit code if the demo
    cannot be shown, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m accel.lab.demo", description=__doc__)
    parser.add_argument(
        "--requests",
        type=int,
        default=REQUESTS,
        metavar="N",
        help="of each of the six services in each of the first three acts (default: %(default)s)",
    )
    options = parser.parse_args(argv)
    screen = Screen()
    try:
        _check_tools()
        with Lab(Topology(near=3, far=3)) as lab:
            return _show(lab, screen, options.requests)
    except AccelError as error:
        print(f"demo: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("\ndemo: interrupted; everything is removed again", file=sys.stderr)
        return 130


def _show(lab: Lab, screen: Screen, per_act: int) -> int:
    started = time.monotonic()
    screen.write(f"\n{scene.DRAWING}")
    screen.say("The network above is up.")
    shown = scene.services(lab)
    weaken(lab.near)
    lab.serve([each.address for each in shown])
    screen.say("nginx serves HTTP and HTTPS on b1 to b6, at the addresses of six services.")
    lab.unwrap(lab.far)
    screen.say("`accel backend run` unwraps IPIP and GUE on b4 to b6.")
    with Daemon(lab) as daemon:
        screen.say("acceld runs on the gateway and has attached its XDP program.")
        demo = Demo(
            lab=lab,
            screen=screen,
            daemon=daemon,
            shown=shown,
            per_act=per_act,
            tallies={each.service.name: Tally() for each in shown},
        )
        daemon.apply([s.service for s in shown], [b for s in shown for b in s.backends])
        screen.say("Services and backends were applied over gRPC, all in one transaction.")
        _acts(demo)
        hosts = [host for host in lab.backends if host.name not in (DRAINED, KILLED)]
        returning = Returning(lab=lab, screen=screen, daemon=daemon, hosts=hosts)
        returning.run()
        besieged = next(each for each in shown if KILLED in each.names)
        living = [lab.backend(name) for name in besieged.names if name != KILLED]
        siege = Siege(lab=lab, screen=screen, daemon=daemon, shown=besieged, backends=living)
        siege.run()
        demo.problems += returning.problems + siege.problems
        _summary(demo, returning, siege, time.monotonic() - started)
    return 1 if demo.failed or demo.problems or not demo.requests else 0


def _acts(demo: Demo) -> None:
    screen = demo.screen
    screen.say("Act 1: curl asks all services at once, over a new connection for each request.")
    demo.act()
    demo.first_act = {
        name: Tally(requests=tally.requests, backends=tally.backends.copy())
        for name, tally in demo.tallies.items()
    }
    _explain(demo)

    address = demo.shown[0].address
    with KeptFlows(host=demo.lab.client, address=address, count=_KEPT) as kept:
        screen.say(f"Act 2: more of the same, and in the middle {DRAINED} is drained.")

        def drain() -> None:
            demo.set_state(DRAINED, State.DRAIN)
            screen.say(f"{DRAINED} drains: it keeps its connections and gets no new ones.")

        demo.act(drain)
        there = kept.of(DRAINED)
        demo.problems += kept.errors()
        screen.say(
            f"{len(there)} of {_KEPT} connections that were open all the time are {DRAINED}'s:"
            f" {len(kept.errors())} of all broke."
        )

    screen.say(f"Act 3: once more, and in the middle the host {KILLED} dies.")

    def kill() -> None:
        demo.dying = True
        demo.set_state(KILLED, State.DOWN)
        demo.dead = True
        for process in demo.lab.backend(KILLED).namespace.processes:
            process.kill()
        screen.say(f"{KILLED} is set down and its nginx is killed: others answer in its place.")

    demo.act(kill)


def _explain(demo: Demo) -> None:
    shown = next(each for each in demo.shown if each.backends[0].mode is Mode.GUE)
    client = demo.lab.client.address(shown.address.version)
    target = Target(service=shown.service.name, port=443)
    explained = demo.daemon.client.explain((client, 50123), target, syn=True)
    demo.screen.say(
        f"Why there? accel explain --from {client}:50123 --to {shown.service.name} says:"
    )
    for step in explained.steps:
        demo.screen.write(f"           {step}")


def _summary(demo: Demo, returning: Returning, siege: Siege, seconds: float) -> None:
    write = demo.screen.write
    rows = [
        (s.service.name, str(s.address), t.requests, len(t.errors))
        for s in demo.shown
        for t in [demo.tallies[s.service.name]]
    ]
    spread = ("backend", "weight", "share", "answered", "all acts")
    verdicts = Table(
        header=("verdict", "packets", "meaning"), rows=verdict_rows(demo.daemon.client.stats())
    )
    for title, text in (
        ("Requests", Table(header=("service", "address", "requests", "errors"), rows=rows).text()),
        ("Spread of act 1 beside the weights", Table(header=spread, rows=_spread(demo)).text()),
        ("What became of the packets at the gateway", verdicts.text()),
        ("Act 4: TLS clients that return, without hints and with them", returning.table()),
        ("Act 5: packets a second, what became of them, and requests", siege.table()),
    ):
        write(f"\n{paint(title, 'bold')}\n{text}")
    write()
    for answer in demo.failed[:5]:
        write(f"failed: {answer.url}: {answer.error}")
    for problem in demo.problems[:5]:
        write(f"this should not have been: {problem}")
    again = f", {demo.again} asked again as {KILLED} died" if demo.again else ""
    errors = len(demo.failed) + len(demo.problems)
    verdict = paint(f"{errors} errors", "red" if errors else "green")
    write(f"{demo.requests} requests in {seconds:.0f} s{again}: {verdict}.")


def _spread(demo: Demo) -> list[tuple[object, ...]]:
    """Each backend's share of act 1 by its weight, and what it answered."""
    rows: list[tuple[object, ...]] = []
    for hosts in (demo.lab.near, demo.lab.far):
        names = [host.name for host in hosts]
        of_these = [s.service.name for s in demo.shown if s.names == tuple(names)]
        first = {n: sum(demo.first_act[s].backends[n] for s in of_these) for n in names}
        weights = sum(scene.WEIGHTS[name] for name in names)
        for name in names:
            share = scene.WEIGHTS[name] / weights
            answered = first[name] / max(1, sum(first.values()))
            all_acts = sum(demo.tallies[s].backends[name] for s in of_these)
            rows.append((name, scene.WEIGHTS[name], f"{share:.0%}", f"{answered:.1%}", all_acts))
    return rows


def _bar(part: int, whole: int) -> str:
    filled = round(_BAR * part / whole) if whole else 0
    return "█" * filled + "·" * (_BAR - filled)


def _check_tools() -> None:
    missing = [tool for tool in ("nginx", "curl", "openssl", "nsenter") if not shutil.which(tool)]
    if missing:
        raise HostError(
            f"the demo needs {', '.join(missing)}", hint="`make demo` installs what is missing"
        )
