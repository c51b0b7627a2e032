"""libvirt of our own, in namespaces: nothing of the host is changed, and nothing is left of it.

It runs what the host has installed, with none of its state. host/namespaces.py sees to the end.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from accel.errors import HostError
from vagrant.vm.host.namespaces import need_inside
from vagrant.vm.host.programs import run, which

_START_SECONDS = 60
_SETTINGS = """\
user = "root"
group = "root"
security_driver = "none"
cgroup_controllers = [ ]
namespaces = [ ]
stdio_handler = "file"
"""


@contextmanager
def daemons(folder: Path) -> Iterator[None]:
    """libvirtd answers meanwhile; what it writes is in `folder`. Only within `inside`.

    Raises HostError with its log if it does not start.
    """
    need_inside()
    (folder / "etc").mkdir()
    run(["cp", "-a", "/etc/libvirt/.", folder / "etc"], what="copying libvirt's settings")
    settings = folder / "etc/qemu.conf"
    settings.unlink(missing_ok=True)  # a link would lead to the host's own
    settings.write_text(_SETTINGS)
    run(["ip", "link", "set", "lo", "up"], what="ip")
    run(["mount", "-t", "tmpfs", "tmpfs", "/run"], what="mount")
    for name, place in (
        ("etc", "/etc/libvirt"),
        ("state", "/var/lib/libvirt"),
        ("cache", "/var/cache/libvirt"),
        ("log", "/var/log/libvirt"),
    ):  # folders of libvirt-daemon-system
        (folder / name).mkdir(exist_ok=True)
        run(["mount", "--bind", folder / name, place], what="mount")
    log = folder / "libvirtd.txt"
    with log.open("wb") as words:
        processes = [
            subprocess.Popen([which(name) or name], stdin=subprocess.DEVNULL, stdout=words,
                             stderr=words)
            for name in ("virtlogd", "libvirtd")
        ]  # fmt: skip
        try:
            _wait(processes[-1], log)
            yield
        finally:
            for process in reversed(processes):
                process.send_signal(signal.SIGTERM)
                process.wait()


def _wait(libvirtd: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    asking = ["virsh", "--connect", "qemu:///system", "list"]
    while time.monotonic() < deadline and libvirtd.poll() is None:
        done = subprocess.run(asking, capture_output=True, env=os.environ, check=False)
        if done.returncode == 0:
            return
        time.sleep(0.2)
    raise HostError(
        f"libvirtd does not answer: {log.read_text(errors='replace')[-1000:].strip()}",
        hint="see that libvirt-daemon-system is whole",
    )
