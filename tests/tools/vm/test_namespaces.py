"""What runs in namespaces of its own ends with them, and mounts nowhere else."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from accel.errors import HostError
from vagrant.vm.host.namespaces import inside, need_inside
from vagrant.vm.libvirt.daemons import daemons

pytestmark = pytest.mark.usefixtures("full_run")  # it makes namespaces and mounts


def test_what_runs_in_namespaces_of_its_own_ends_with_them(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, for namespaces")
    place = tmp_path / "mounted"
    place.mkdir()
    late = f"(sleep 3; touch {tmp_path}/left) & mount -t tmpfs tmpfs {place} && touch {place}/file"
    assert inside(["sh", "-c", f"{late}; exit 5"], seconds=60) == 5
    with pytest.raises(HostError, match="not done after 1 s"):
        inside(["sh", "-c", f"{late}; sleep 600"], seconds=1)
    subprocess.run(["sleep", "4"], check=True)
    assert list(tmp_path.iterdir()) == [place]
    assert list(place.iterdir()) == []
    assert str(tmp_path) not in Path("/proc/mounts").read_text()


def test_libvirt_is_not_started_where_its_mounts_would_be_the_hosts(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="mount namespace of its own"):
        need_inside()
    with pytest.raises(HostError, match="mount namespace of its own"), daemons(tmp_path):
        pytest.fail("it was started")
    assert list(tmp_path.iterdir()) == []
