"""What tests could change of the host that they run on: looked at before and after, and compared.

Left out is what changes by itself:
* counters, neighbours, lifetimes and whether a cable is plugged in: traffic and time change them;
* IPv6 addresses that the host makes up for a day, and the mounts of a login or an automounter;
* sysctls that are readings and no settings (random numbers, the latest process id), and those that
  come or go: they belong to an interface, which is compared itself, or to a module of the kernel;
* devices that a module brings along, as long as they are down (tunl0 by ipip, bond0 by bonding);
* the mount of /run/netns on itself: the first namespace that anybody names makes it (ip-netns(8)).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support import bpf_links, processes

NAMESPACES = Path("/run/netns")
BPFFS = Path("/sys/fs/bpf")
Things = dict[str, Any]  # what is there, by its name
State = Mapping[str, Things | None]  # by kind; None: this user cannot see it

_LINK = ("ifindex", "mtu", "address", "master", "promiscuity", "allmulti", "group", "txqlen")
_BY_TRAFFIC = {"LOWER_UP", "RUNNING", "NO-CARRIER", "DORMANT", "M-DOWN"}
_OF_MODULES = re.compile(
    r"(tunl|gre|gretap|erspan|sit|ip6tnl|ip6gre|ip_vti|ip6_vti|bond|dummy|ifb)\d"
)
_READINGS = re.compile(
    "|".join((
        r"kernel/(random/.*|pty/nr|ns_last_pid|tainted|hung_task_warnings|init_private.*)",
        r"kernel/perf_event_max_sample_rate",
        r"net/netfilter/(nf_conntrack_count|nf_log/.*)",
        r"net/(ipv4/tcp|mptcp)/?_?(available|allowed)_.*",
    ))
)  # fmt: skip
_AUTOMOUNTED = ("/run/user/", "/proc/sys/fs/binfmt_misc", "/sys/kernel/debug/tracing")
_OWNER = re.compile(r"\baccel-(\d+)\.\d+")  # accel.lab.names


def sweep() -> None:
    """Remove what runs left that were killed, so that none of it is taken for the host's."""
    processes.end_orphans()
    if any(NAMESPACES.glob("accel-*")) or any(Path(tempfile.gettempdir()).glob("accel-*")):
        from accel.lab.network import Lab

        Lab.sweep()


def look() -> State:
    """The host's state, as far as this user sees it."""
    looks: dict[str, Callable[[], Things]] = {
        "link": _links,
        "address": _addresses,
        "route": _routes,
        "rule": _rules,
        "mount": _mounts,
        "namespace": _namespaces,
        "pinned object": _pinned,
        "BPF link": bpf_links.there,
        "sysctl": _sysctls,
        "process": processes.ours,
    }
    return {kind: _seen(of) for kind, of in looks.items()}


def changes(before: State, *, seconds: float = 5.0) -> list[str]:
    """What differs from `before`, a line each.

    The kernel ends some things a moment later than it was asked to: so much time they have.
    """
    deadline = time.monotonic() + seconds
    while (found := compare(before, look())) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def compare(before: State, after: State) -> list[str]:
    """A line for each difference: what, before, after."""
    return [
        f"{kind} {name}: {_text(then)} before, {_text(now)} after"
        for kind in before
        for name, then, now in _differing(kind, before[kind], after[kind])
        if not _is_of_others(kind, name, was_there=then is not None)
    ]


def _differing(
    kind: str, before: Things | None, after: Things | None
) -> Iterator[tuple[str, Any, Any]]:
    if before is None or after is None:
        return
    for name in sorted(before.keys() | after.keys()):
        then, now = before.get(name), after.get(name)
        if then == now or (kind == "sysctl" and None in (then, now)):
            continue
        if kind == "link" and then is None and _came_with_a_module(name, now):
            continue
        if isinstance(then, Mapping) and isinstance(now, Mapping):
            keys = [key for key in then if then[key] != now[key]]
            then, now = ({key: each[key] for key in keys} for each in (then, now))
        yield name, then, now


def _came_with_a_module(name: str, link: Any) -> bool:
    return bool(_OF_MODULES.fullmatch(name)) and "UP" not in link["flags"]


def _is_of_others(kind: str, name: str, *, was_there: bool) -> bool:
    """Whether it belongs to a run of demo, tests or benchmarks beside this one, by its process."""
    if kind == "BPF link":
        holders = bpf_links.holders(int(name))
        return was_there or (bool(holders) and not any(map(processes.is_ours, holders)))
    owner = _OWNER.search(name)
    if owner is None or processes.is_ours(int(owner[1])):
        return False
    return was_there or processes.lives(int(owner[1]))


def _text(value: Any) -> str:
    if value is None:
        return "not there"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {each}" for key, each in value.items())
    return str(value)


def _seen(look_at: Callable[[], Things]) -> Things | None:
    try:
        return look_at()
    except (OSError, subprocess.CalledProcessError):
        return None


def _ip(*words: str) -> list[dict[str, Any]]:
    done = subprocess.run(["ip", "-json", *words], capture_output=True, text=True, check=True)
    found: list[dict[str, Any]] = json.loads(done.stdout or "[]")
    return found


def _links() -> Things:
    return {
        link["ifname"]: {
            "flags": ",".join(sorted(set(link["flags"]) - _BY_TRAFFIC)),
            "XDP": link.get("xdp"),
            **{key: link.get(key) for key in _LINK},
        }
        for link in _ip("-details", "link", "show")
    }


def _addresses() -> Things:
    return {
        f"{each['local']}/{each['prefixlen']} on {link['ifname']}": each["scope"]
        for link in _ip("address", "show")
        for each in link["addr_info"]
        if not each.get("temporary")
    }


def _routes() -> Things:
    return _each(_ip("route", "show", "table", "all"), without=("flags", "expires"))


def _rules() -> Things:
    return _each(_ip("-4", "rule", "show")) | _each(_ip("-6", "rule", "show"), of="IPv6: ")


def _each(entries: list[dict[str, Any]], *, without: Sequence[str] = (), of: str = "") -> Things:
    texts = [{k: v for k, v in entry.items() if k not in without} for entry in entries]
    return {of + _text(entry): "there" for entry in texts}


def _mounts() -> Things:
    found: Things = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        place, _, device = line.partition(" - ")
        _, _, _, root, point, options, *_ = place.split(" ")
        if point.startswith((str(NAMESPACES), *_AUTOMOUNTED)):
            continue
        while point in found:
            point += " (and over it)"
        found[point] = f"{device} {root} {options}"
    return found


def _namespaces() -> Things:
    return {path.name: "there" for path in NAMESPACES.glob("*")}


def _pinned() -> Things:
    found: Things = {}

    def refuse(error: OSError) -> None:
        raise error

    for folder, folders, files in os.walk(BPFFS, onerror=refuse):
        found |= {os.path.join(folder, name): "there" for name in (*folders, *files)}
    return found


def _sysctls() -> Things:
    found: Things = {}
    for folder in ("/proc/sys/net", "/proc/sys/kernel"):
        for place, _, names in os.walk(folder):
            for name in names:
                path = f"{place}/{name}"
                key = path.removeprefix("/proc/sys/")
                if _READINGS.fullmatch(key):
                    continue
                try:
                    with open(path, "rb") as file:
                        found[key.replace("/", ".")] = file.read().decode(errors="replace").strip()
                except OSError:
                    continue  # one that is only written, or not for this user
    return found
