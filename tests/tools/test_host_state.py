"""That the comparison of the host before and after finds each kind of change, and names it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import host_state
from tests.support.tree import ROOT

# Namespaces of its own for the network, mounts and names: an empty bpffs, no named namespaces, and
# no mounts that come and go with others' tests.
APART = (
    *("unshare", "--net", "--mount", "--uts", "sh", "-ec"),
    "awk '$5 ~ \"^/tmp/\" {print $5}' /proc/self/mountinfo | xargs -r umount --lazy;"
    "mkdir -p /run/netns; mount -t tmpfs none /run/netns; mount -t bpf none /sys/fs/bpf;"
    'ip link add there type veth peer name far; ip link set there up; exec "$@"',
    "sh",
)
COMPARE = """
import subprocess, sys
from tests.support import host_state, processes
before = host_state.look()
assert None not in before.values(), before
subprocess.run(sys.argv[1], shell=True, check=True, executable="/bin/bash")
print(*host_state.changes(before, seconds=0), sep="\\n")
processes.end_ours()
"""
PIN_A_LINK = f"""{sys.executable} -c '
import socket
from pathlib import Path
from accel.ebpf import syscall
code = bytes.fromhex("b7000000020000009500000000000000")
program = syscall.prog_load(syscall.PROG_XDP, code, license="GPL", attach_type=syscall.ATTACH_XDP)
link = syscall.link_create(program, socket.if_nametoindex("there"), syscall.ATTACH_XDP)
syscall.pin(link, Path("/sys/fs/bpf/kept"))
'"""
# What is done, and how each line begins and ends that is to come of it.
CHANGES = {
    "ip link set there promisc on": [
        ("link there: flags BROADCAST,MULTICAST,UP, promiscuity 0 before,", "promiscuity 1 after")
    ],
    "ip link set there down": [
        ("link there: flags BROADCAST,MULTICAST,UP before,", "flags BROADCAST,MULTICAST after"),
    ],
    "ip link add more type veth peer name most": [
        ("link more: not there before,", ""),
        ("link most: not there before,", ""),
    ],
    "ip address add 192.0.2.1/32 dev there": [
        ("address 192.0.2.1/32 on there: not there before, global after", ""),
        ("route type local, dst 192.0.2.1, dev there", "there after"),
    ],
    "ip route add 198.51.100.0/24 dev there": [("route dst 198.51.100.0/24, dev there", "after")],
    "ip rule add to 192.0.2.1 table 7": [("rule priority", "there after")],
    "ip -6 rule add to 2001:db8::1 table 7": [("rule IPv6: priority", "there after")],
    "mount -t tmpfs lost /mnt": [("mount /mnt: not there before, tmpfs lost", "after")],
    "mount -o remount,ro /run/netns; mount -t tmpfs over /dev/shm": [("mount /dev/shm", "after")],
    "ip netns add forgotten": [("namespace forgotten: not there before, there after", "")],
    "mkdir /sys/fs/bpf/a": [("pinned object /sys/fs/bpf/a: not there before, there after", "")],
    PIN_A_LINK: [
        ("BPF link ", " after"),
        ("link there: XDP None before, XDP ", " after"),
        ("pinned object /sys/fs/bpf/kept: not there before", "after"),
    ],
    "echo 1 >/proc/sys/net/ipv4/ip_forward": [
        ("sysctl net.ipv4.conf.all.accept_redirects: 1 before, 0 after", ""),
        *(
            (f"sysctl net.ipv4.conf.{name}.forwarding: 0 before, 1 after", "")
            for name in ("all", "default", "far", "lo", "there")
        ),
        ("sysctl net.ipv4.ip_forward: 0 before, 1 after", ""),
    ],
    "hostname other": [("sysctl kernel.hostname: ", " before, other after")],
    "sleep 60 >/dev/null 2>&1 & disown": [("process ", "(call) after")],
    "true": [],
}


@pytest.mark.usefixtures("full_run")
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_named(change: str, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, for namespaces")
    command = (*APART, sys.executable, "-c", COMPARE, change)
    environment = os.environ | {"ACCEL_CACHE": str(tmp_path)}  # a run of its own
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = sorted(filter(None, done.stdout.split("\n")))
    wanted = sorted(CHANGES[change])
    assert len(lines) == len(wanted), done.stdout
    for line, (start, end) in zip(lines, wanted, strict=True):
        assert line.startswith(start)
        assert line.endswith(end)


def test_what_a_run_beside_this_one_does_is_its_own() -> None:
    there = {"namespace": {f"accel-{os.getppid()}.1-gateway": "there"}}
    assert host_state.compare({"namespace": {}}, there) == []
    ours = {"namespace": {f"accel-{os.getpid()}.1-gateway": "there"}}
    assert len(host_state.compare({"namespace": {}}, ours)) == 1


def test_what_cannot_be_seen_is_not_compared() -> None:
    seen: host_state.State = {"pinned object": {"/sys/fs/bpf/a": "there"}}
    assert host_state.compare(seen, {"pinned object": None}) == []
    assert host_state.compare({"pinned object": None}, seen) == []


def test_devices_that_a_module_brings_are_no_change() -> None:
    tunl0 = {"flags": "NOARP", "ifindex": 9}
    assert host_state.compare({"link": {}}, {"link": {"tunl0": tunl0}}) == []
    up = {"link": {"tunl0": tunl0 | {"flags": "NOARP,UP"}}}
    assert len(host_state.compare({"link": {}}, up)) == 1
