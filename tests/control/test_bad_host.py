"""acceld on a host that lacks something, or that changes under it: one line, nothing half done."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from accel.ebpf import syscall
from accel.lab.namespace import Namespace
from accel.v1 import gateway_pb2 as pb
from tests.support.daemon.acceld import Acceld, Running
from tests.support.daemon.objects import backend, service, web
from tests.support.daemon.other_layout import OTHER_LAYOUT

WITHOUT_BPFFS = ("unshare", "--mount", "sh", "-c", 'umount --lazy /sys/fs/bpf; exec "$@"', "sh")


def refused(acceld: Acceld, *options: str, code: int = 7) -> str:
    """Its one line, after the time."""
    done = acceld.fails(*options)
    assert done.returncode == code, done.stderr
    *_, line = done.stderr.splitlines()
    assert " ERROR " in line
    assert done.stderr.count(" ERROR ") == 1
    assert "Traceback" not in done.stderr
    return line.partition(" ERROR ")[2]


def attached(running: Running) -> list[str]:
    status = running.stub.GetStatus(pb.GetStatusRequest())
    return [attachment.interface for attachment in status.attachments]


def steers(running: Running, name: str) -> bool:
    """Whether a client of that service is led to a backend; next hops may still be looked for."""
    question = pb.ExplainRequest(service=name, from_address="198.51.100.7", from_port=4)
    return bool(running.stub.Explain(question).verdict == "forward_new")


def resolved(running: Running) -> list[str]:
    """The backends that can be reached."""
    listed = running.stub.ListBackends(pb.ListBackendsRequest()).backends
    return [each.name for each in listed if each.next_hop.resolved]


def xdp_of(network: Namespace, interface: str) -> bool:
    """Whether a program is attached, as iproute2 sees it."""
    found = json.loads(network.run(["ip", "-json", "link", "show", interface]).stdout)
    return "xdp" in found[0]


def until(holds: Callable[[], bool]) -> None:
    for _ in range(400):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come to that")


@pytest.mark.parametrize(
    ("dropped", "lacks"),
    [
        ("-sys_admin,-bpf", "CAP_BPF"),
        ("-sys_admin,-perfmon", "CAP_PERFMON"),
        ("-net_admin", "CAP_NET_ADMIN"),
        ("-all", "CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON"),
    ],
)
def test_capabilities_that_are_missing_are_named(real: Acceld, dropped: str, lacks: str) -> None:
    prefix = (*real.prefix, "setpriv", f"--bounding-set={dropped}", f"--inh-caps={dropped}", "--")
    line = refused(replace(real, prefix=prefix))
    assert line.startswith(f"this process lacks {lacks} (")
    assert "AmbientCapabilities=" in line
    assert real.pin_root is not None
    assert not real.pin_root.exists()
    assert not real.state.exists()


def test_it_runs_without_cap_sys_admin(real: Acceld) -> None:
    prefix = (*real.prefix, "setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", "--")
    with replace(real, prefix=prefix).running("--interface", "in") as running:
        assert attached(running) == ["in"]
        running.stub.Detach(pb.DetachRequest(interface="in"))


def test_a_pin_root_elsewhere_is_refused(real: Acceld) -> None:
    line = refused(replace(real, pin_root=real.folder / "pins"))
    assert "is not on a bpffs (mount -t bpf" in line


def test_a_bpffs_that_lacks_is_mounted(real: Acceld) -> None:
    usual = Path("/sys/fs/bpf") / real.folder.name.replace(".", "-")  # no dots in a bpffs
    hidden = replace(real, prefix=(*WITHOUT_BPFFS, *real.prefix), pin_root=usual)
    with hidden.running() as running:
        assert running.stub.GetStatus(pb.GetStatusRequest()).pin_path.startswith(str(usual))
    assert not usual.exists(), "in that mount namespace only"


def test_a_bpffs_that_lacks_and_cannot_be_mounted(real: Acceld) -> None:
    usual = Path("/sys/fs/bpf") / real.folder.name.replace(".", "-")  # no dots in a bpffs
    setpriv = ("setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", "--")
    hidden = replace(real, prefix=(*WITHOUT_BPFFS, *real.prefix, *setpriv), pin_root=usual)
    line = refused(hidden)
    assert line.startswith("no bpffs at /sys/fs/bpf, and mounting it failed: Operation not perm")
    assert "mount -t bpf bpf /sys/fs/bpf" in line


def test_two_with_one_pin_root_are_one_too_many(real: Acceld, tmp_path: Path) -> None:
    with real.running("--interface", "in") as first:
        second = replace(real, folder=tmp_path)
        line = refused(second)
        assert line.startswith("another acceld runs with this --pin-root")
        first.stub.Apply(web())
        assert attached(first) == ["in"]


def test_what_else_is_in_the_pin_root_stays(real: Acceld) -> None:
    assert real.pin_root is not None
    (real.pin_root / "theirs" / "deeper").mkdir(parents=True)
    with real.running() as running:
        assert not running.stub.GetStatus(pb.GetStatusRequest()).adopted
        running.terminate()
    assert (real.pin_root / "theirs" / "deeper").is_dir()


@pytest.mark.parametrize("bad", ["nic9", "lo"])
def test_all_interfaces_are_attached_or_none(real: Acceld, network: Namespace, bad: str) -> None:
    """There is no nic9, and lo has no native mode."""
    options = ("--xdp-mode", "native", "--interface", "in", "--interface", bad)
    line = refused(real, *options, code=3 if bad == "nic9" else 7)
    assert bad in line
    assert not xdp_of(network, "in")
    with real.running() as running:
        assert attached(running) == []


def test_frames_that_are_too_large_for_native_mode(real: Acceld, network: Namespace) -> None:
    for name in ("in", "out"):
        network.netlink.link("set", index=network.index(name), mtu=9000)
    line = refused(real, "--interface", "in", "--xdp-mode", "native")
    assert line.startswith("cannot attach to in: its MTU is too large for XDP (ip link set in mtu")
    with real.running("--interface", "in") as running:
        assert attached(running) == ["in"]
        assert "attached in generic mode" in real.log()


def test_an_interface_that_goes_and_comes_back(real: Acceld, network: Namespace) -> None:
    with real.running("--interface", "in") as running:
        running.stub.Apply(web())
        network.netlink.link("del", index=network.index("in"))
        until(lambda: "no interface 'in'" in real.log())
        assert attached(running) == []
        until(lambda: not resolved(running))
        network.netlink.link("add", ifname="in", kind="veth", peer={"ifname": "out"})
        until(lambda: attached(running) == ["in"])
        assert xdp_of(network, "in")
        assert real.log().count("no interface 'in'") == 1


@pytest.mark.parametrize("delay", [0.02, 0.1, 0.3, 0.6])
def test_killed_while_it_writes_to_the_maps(real: Acceld, delay: float) -> None:
    """Whatever was stored is what the next one makes of the maps."""
    many = pb.ApplyRequest(
        services=[service(f"s{i}", port=1 + i) for i in range(100)],
        backends=[backend(f"b{j}", service=f"s{i}") for i in range(100) for j in range(20)],
    )
    with real.running("--interface", "in") as first:
        first.stub.Apply(web())
        call = first.stub.Apply.future(many)
        time.sleep(delay)
        first.process.kill()
        first.process.wait()
        call.cancel()
    with real.running() as second:
        assert attached(second) == ["in"]
        found = second.stub.ListServices(pb.ListServicesRequest()).services
        assert len(found) in (1, 101)
        for name in {found[0].name, found[-1].name, "web"}:
            until(partial(steers, second, name))
        capacities = second.stub.GetStatus(pb.GetStatusRequest()).capacities
        assert {c.map: c.used for c in capacities}["services"] == len(found)


@pytest.mark.parametrize("gone", ["flows", "settings", "counters"])
def test_a_pin_folder_that_is_not_whole(real: Acceld, network: Namespace, gone: str) -> None:
    with real.running("--interface", "in") as first:
        first.stub.Apply(web())
        first.process.kill()
        first.process.wait()
    assert real.pin_root is not None
    (folder,) = real.pin_root.iterdir()
    (folder / gone).unlink()
    with real.running() as second:
        assert not second.stub.GetStatus(pb.GetStatusRequest()).adopted
        assert attached(second) == ["in"]
        until(partial(steers, second, "web"))


def test_a_replacement_that_was_cut_off(real: Acceld, network: Namespace) -> None:
    """Other limits are other maps. The link is pinned beside both when the daemon is killed."""
    with real.running("--interface", "in", *OTHER_LAYOUT) as first:
        first.stub.Apply(web())
        first.terminate()
    assert real.pin_root is not None
    (former,) = real.pin_root.iterdir()
    with real.running() as second:
        assert attached(second) == ["in"]
        second.process.kill()
        second.process.wait()
    (present,) = real.pin_root.iterdir()
    (link,) = present.glob("link_*")
    former.mkdir()
    fd = syscall.pinned(link)
    syscall.pin(fd, former / link.name)
    os.close(fd)
    with real.running() as third:
        assert attached(third) == ["in"]
        assert list(real.pin_root.iterdir()) == [present]
        third.stub.Detach(pb.DetachRequest(interface="in"))
    assert not xdp_of(network, "in")


@pytest.fixture
def stored(acceld: Acceld) -> Iterator[sqlite3.Connection]:
    """The database of an acceld that was told of the service web."""
    with acceld.running() as running:
        running.stub.Apply(web())
        running.terminate()
    db = sqlite3.connect(acceld.state, isolation_level=None)
    yield db
    db.close()


@pytest.mark.parametrize(
    "damage",
    [
        "DROP TABLE store",
        "DELETE FROM store",
        "DELETE FROM services",
        "UPDATE backends SET address = 'x'",
        "UPDATE backends SET mode = 99",
        "UPDATE services SET protocol = 'tcp'",
    ],
)
def test_a_state_file_that_makes_no_sense(
    acceld: Acceld, stored: sqlite3.Connection, damage: str
) -> None:
    stored.execute(damage)
    line = refused(acceld)
    assert line.startswith(f"the state file {acceld.state} is damaged: ")


def test_a_state_file_with_a_torn_page(acceld: Acceld, stored: sqlite3.Connection) -> None:
    stored.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    stored.close()
    data = bytearray(acceld.state.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    acceld.state.write_bytes(data)
    assert "damaged: database disk image is malformed" in refused(acceld)
    assert acceld.state.read_bytes() == data


def test_a_file_in_the_place_of_the_socket_is_left_alone(acceld: Acceld) -> None:
    acceld.socket.parent.mkdir(parents=True, exist_ok=True)
    acceld.socket.write_text("precious")
    assert "is there, and is no socket" in refused(acceld)
    assert acceld.socket.read_text() == "precious"


def test_a_state_folder_that_cannot_be_written(acceld: Acceld, tmp_path: Path) -> None:
    mount = f'mount -t tmpfs -o ro none {tmp_path}; exec "$@"'
    prefix = ("unshare", "--mount", "sh", "-ec", mount, "sh")
    line = refused(replace(acceld, prefix=prefix), "--state", str(tmp_path / "state.db"))
    assert "Read-only file system" in line
    assert "--state" in line


if os.geteuid() != 0:
    pytestmark = pytest.mark.skip("needs root, to make namespaces")
