"""What the daemon sees of its host: mounts, the journal, the service manager."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from accel.control import bpffs, journal
from accel.control.files import Locks
from accel.errors import HostError, LockedError

MOUNTS = """\
sysfs /sys sysfs rw 0 0
bpf /sys/fs/bpf bpf rw 0 0
/dev/vda / ext4 rw 0 0
bpf /mnt/with\\040space bpf rw 0 0
tmpfs /sys/fs/bpf/over tmpfs rw 0 0
"""


@pytest.mark.parametrize("path", ["/sys/fs/bpf/accel", "/sys/fs/bpf", "/mnt/with space/a/b"])
def test_a_bpffs_that_is_there_is_found(tmp_path: Path, path: str) -> None:
    (tmp_path / "mounts").write_text(MOUNTS)
    bpffs.ensure(Path(path), mounts=tmp_path / "mounts")


@pytest.mark.parametrize("path", ["/var/lib/accel", "/mnt/with", "/"])
def test_elsewhere_it_is_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "mounts").write_text(MOUNTS)
    with pytest.raises(HostError, match=r"is not on a bpffs .*mount -t bpf bpf /sys/fs/bpf"):
        bpffs.ensure(Path(path), mounts=tmp_path / "mounts")


@pytest.fixture
def _logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.usefixtures("_logging")
def test_a_traceback_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    journal.set_up("warning")
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        logging.getLogger("x").exception("it broke")
    logging.getLogger("x").info("not of interest")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("<3>it broke | Traceback")
    assert line.endswith("ZeroDivisionError: division by zero")


def test_nobody_to_notify_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    journal.notify("READY=1")


def test_a_service_manager_that_is_gone_is_no_reason_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    journal.notify("STOPPING=1")
    assert "cannot be told STOPPING=1" in caplog.text


def test_a_lock_is_exclusive_and_ends_with_its_holder(tmp_path: Path) -> None:
    first, second = Locks(), Locks()
    for path in (tmp_path / "file.lock", tmp_path):
        first.take(path, "--state")
        with pytest.raises(LockedError, match="another acceld runs with this --state"):
            second.take(path, "--state")
    first.release()
    second.release()
    second.take(tmp_path, "--state")
    second.release()


def test_a_lock_that_cannot_be_made_says_where() -> None:
    with pytest.raises(HostError, match=r"cannot open the lock /proc/x\.lock"):
        Locks().take(Path("/proc/x.lock"), "--state")
