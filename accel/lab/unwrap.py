"""`accel backend run` on the backends: what IPIP, GUE and the answers to SYN cookies arrive at."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence, Set

from accel.errors import HostError
from accel.lab.hosts import Host

COMMAND = (sys.executable, "-m", "accel.cli.main", "backend", "run")


def start(
    hosts: Sequence[Host],
    *,
    interface: str,
    allow: Sequence[str] = (),
    cookies: Sequence[str] = (),
) -> list[subprocess.Popen[str]]:
    """Start it on each host, and return when all of them do what they are to.

    `allow` are the outer sources, `cookies` the options that say where the keys of SYN cookies
    come from. Raises HostError with what it said if one does not start.
    """
    command = [*COMMAND, "--interface", interface]
    command += [word for prefix in allow for word in ("--allow", prefix)]
    command += ["--cookies", *cookies] if cookies else []
    wanted = {"unwrapping on"} if allow else set()
    wanted |= {"accepting SYN cookies on"} if cookies else set()
    processes = [host.namespace.popen(command, stderr=subprocess.PIPE) for host in hosts]
    for host, process in zip(hosts, processes, strict=True):
        _wait(host, process, wanted)
    return processes


def _wait(host: Host, process: subprocess.Popen[str], wanted: Set[str]) -> None:
    """Read what it says until all of that is said."""
    said, missing = "", set(wanted)
    while missing:
        line = process.stderr.readline() if process.stderr else ""
        if not line:
            process.kill()
            raise HostError(
                f"`accel backend run` does not start on {host.name}: {said}".strip(),
                hint="run `accel check`",
            )
        said += line
        missing -= {start for start in missing if start in line}
