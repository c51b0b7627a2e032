"""Temporary folders of the machines' tools: what is not theirs survives, whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from accel.errors import HostError
from vagrant.vm.host import folders
from vagrant.vm.host.programs import ROOT

pytestmark = pytest.mark.usefixtures("full_run")  # it makes namespaces and mounts
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount")

# A tool that is at work in its folder while a folder of somebody else's is mounted there. {mount}
# and {then} are filled in. It runs in a mount namespace of the test's own.
TOOL = """
import os, subprocess, sys, time
from pathlib import Path
from vagrant.vm.host import folders
from vagrant.vm.host.signals import end_in_order

end_in_order()
parent, outside = map(Path, sys.argv[1:])
with folders.temporary("new-", parent) as folder:
    (folder / "root/etc").mkdir(parents=True)
    (folder / "root/etc/own").touch()
    (folder / "root/link").symlink_to(outside)
    {mount}
    print("ready", flush=True)
    {then}
"""
MOUNTS = {
    "a folder": 'subprocess.run(["mount", "--bind", outside, folder / "root/etc"], check=True)',
    "a file": 'subprocess.run(["mount", "--bind", outside / "file", folder / "root/etc/own"])',
    "a name with a space": """
    (folder / "a b").mkdir(); subprocess.run(["mount", "--bind", outside, folder / "a b"])""",
    "nothing": "pass",
}
ENDS = {
    "it ends": "pass",
    "it fails": 'raise RuntimeError("failed")',
    "it is told to end": "time.sleep(60)",
}


@needs_root
@pytest.mark.parametrize("then", ENDS)
@pytest.mark.parametrize("mount", MOUNTS)
def test_what_is_mounted_in_a_folder_survives(mount: str, then: str, tmp_path: Path) -> None:
    outside, parent = tmp_path / "outside", tmp_path / "parent"
    outside.mkdir()
    parent.mkdir()
    (outside / "file").write_text("somebody else's")
    code = TOOL.format(mount=MOUNTS[mount], then=ENDS[then])
    tool = subprocess.Popen(
        ["unshare", "--mount", "--", sys.executable, "-c", code, str(parent), str(outside)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert tool.stdout
    assert tool.stdout.readline() == "ready\n"
    if then == "it is told to end":
        tool.send_signal(signal.SIGTERM)
    said = tool.communicate(timeout=60)[1]
    assert (outside / "file").read_text() == "somebody else's"
    assert [path.name for path in outside.iterdir()] == ["file"]
    assert ("something is mounted on" in said) == (mount != "nothing")
    left = [path.name for path in parent.iterdir()]
    assert len(left) == (mount != "nothing"), "it stays, and is named, with a mount in it only"
    assert all(name in said for name in left)
    assert tool.returncode == {
        "it ends": int(mount != "nothing"), "it fails": 1, "it is told to end": 128 + 15
    }[then]  # fmt: skip


@needs_root
def test_a_mount_that_comes_too_late_to_be_listed_survives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The walk looks by itself, since a mount may come after mountinfo was read."""
    code = """
import subprocess, sys
from pathlib import Path
from vagrant.vm.host import folders
parent, outside = map(Path, sys.argv[1:])
(parent / "new-1/a/b").mkdir(parents=True)
subprocess.run(["mount", "--bind", outside, parent / "new-1/a/b"], check=True)
folders.mounts = lambda folder: []
folders.remove(parent / "new-1")
"""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/file").touch()
    done = subprocess.run(
        ["unshare", "--mount", "--", sys.executable, "-c", code, tmp_path, tmp_path / "outside"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert "something is mounted on b" in done.stderr
    assert (tmp_path / "outside/file").exists()


MOUNTINFO = rb"""22 27 0:21 / /proc rw,relatime - proc proc rw
41 27 8:1 /x /a/new-1/root\040one\134two rw shared:1 master:2 - ext4 /dev/vda rw
42 27 8:1 / /a/new-10/root rw - ext4 /dev/vda rw
43 27 8:1 / /a/new-1/\303\274 rw - ext4 /dev/vda rw
"""


def test_mount_points_are_read_with_their_escapes() -> None:
    assert folders._mount_points(MOUNTINFO) == [
        "/proc", "/a/new-1/root one\\two", "/a/new-10/root", "/a/new-1/ü",
    ]  # fmt: skip


@needs_root
def test_a_folder_whose_name_begins_alike_is_another(tmp_path: Path) -> None:
    code = """
import subprocess, sys
from pathlib import Path
from vagrant.vm.host import folders
one, ten = Path(sys.argv[1]) / "new-1", Path(sys.argv[1]) / "new-10"
one.mkdir(), ten.mkdir()
subprocess.run(["mount", "-t", "tmpfs", "tmpfs", ten], check=True)
assert folders.mounts(one) == []
assert folders.mounts(ten) == [ten]
folders.remove(one)
"""
    subprocess.run(
        ["unshare", "--mount", "--", sys.executable, "-c", code, tmp_path],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert [path.name for path in tmp_path.iterdir()] == ["new-10"]


def test_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").touch()
    ours = tmp_path / "ours"
    (ours / "below").mkdir(parents=True)
    (ours / "below/folder").symlink_to(outside)
    (ours / "below/file").symlink_to(outside / "file")
    folders.remove(ours)
    assert not ours.exists()
    assert (outside / "file").exists()


def test_a_link_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/file").touch()
    (tmp_path / "ours").symlink_to(tmp_path / "outside")
    with pytest.raises(HostError, match="is not removed"):
        folders.remove(tmp_path / "ours")
    assert (tmp_path / "outside/file").exists()


def test_what_is_not_there_is_removed_already(tmp_path: Path) -> None:
    folders.remove(tmp_path / "none")


@needs_root
def test_no_process_and_no_mount_is_left_of_a_tool_that_is_told_to_end(tmp_path: Path) -> None:
    """Such as mmdebstrap, which mounts, and starts programs that go on by themselves."""
    busy = (
        "mount -t tmpfs tmpfs $0 && touch $0/mounted && (setsid sleep 61 &) ; echo > $1; sleep 62"
    )
    code = f"""
import sys
from vagrant.vm.host.programs import run
from vagrant.vm.host.signals import end_in_order
end_in_order()
run(["sh", "-c", {busy!r}, *sys.argv[1:]], what="x", apart=True)
"""
    place, ready = tmp_path / "place", tmp_path / "ready"
    place.mkdir()
    before = _sleeping()
    tool = subprocess.Popen(
        [sys.executable, "-c", code, place, ready], env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    while not ready.exists():
        assert tool.poll() is None
        time.sleep(0.05)
    assert list(place.iterdir()) == [], "its mounts are its own"
    tool.send_signal(signal.SIGTERM)
    assert tool.wait(30) == 128 + 15
    assert _sleeping() == before
    assert folders.mounts(place) == []


def _sleeping() -> set[str]:
    """Processes of the commands that the tool above starts."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[:2] in ([b"sleep", b"61"], [b"sleep", b"62"]):
            found.add(path.parent.name)
    return found
