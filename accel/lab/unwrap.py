"""`accel backend run` on the backends: what IPIP and GUE arrive at."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from accel.errors import HostError
from accel.lab.hosts import Host

COMMAND = (sys.executable, "-m", "accel.cli.main", "backend", "run")


def start(
    hosts: Sequence[Host], *, interface: str, allow: Sequence[str]
) -> list[subprocess.Popen[str]]:
    """Start it on each host, and return when all of them unwrap.

    `allow` are the outer sources. Raises HostError with what it said if one does not start.
    """
    command = [*COMMAND, "--interface", interface]
    command += [word for prefix in allow for word in ("--allow", prefix)]
    processes = [host.namespace.popen(command, stderr=subprocess.PIPE) for host in hosts]
    for host, process in zip(hosts, processes, strict=True):
        said = process.stderr.readline() if process.stderr else ""
        if "unwrapping on" not in said:
            process.kill()
            rest = process.stderr.read() if process.stderr else ""
            raise HostError(
                f"`accel backend run` does not start on {host.name}: {said}{rest}".strip(),
                hint="run `accel check`",
            )
    return processes
