"""libvirt of our own, in namespaces: nothing of the host is changed, and nothing is left of it.

`inside` starts a program in a network, mount and process namespace of its own. When that program
ends, or this one does, the kernel ends whatever else runs there, and removes networks and mounts.
There `daemons` starts libvirtd, which then has the host's programs, but none of its state.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from accel.errors import HostError
from vagrant.vm.run import run, which

_START_SECONDS = 60
_SETTINGS = """\
user = "root"
group = "root"
security_driver = "none"
cgroup_controllers = [ ]
namespaces = [ ]
stdio_handler = "file"
"""


def inside(command: Sequence[str], *, seconds: float) -> int:
    """Run `command` in namespaces of its own; its exit status. Raises HostError after `seconds`."""
    apart = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"]
    # A first process that takes leave of the dead: libvirt waits for them.
    process = subprocess.Popen([*apart, "sh", "-c", '"$@" & wait $!', "sh", *command])
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        raise HostError(
            f"not done after {seconds:.0f} s",
            hint="look at the consoles and logs; --limit gives it more time",
        ) from None
    finally:
        process.kill()  # its child, the first process of the namespace, goes with it
        process.wait()


@contextmanager
def daemons(folder: Path) -> Iterator[None]:
    """libvirtd answers meanwhile; what it writes is in `folder`. Only in namespaces of its own.

    Raises HostError with its log if it does not start.
    """
    (folder / "etc").mkdir()
    run(["cp", "-a", "/etc/libvirt/.", folder / "etc"], what="copying libvirt's settings")
    (folder / "etc/qemu.conf").write_text(_SETTINGS)
    run(["ip", "link", "set", "lo", "up"], what="ip")
    run(["mount", "-t", "tmpfs", "tmpfs", "/run"], what="mount")
    for name, place in (
        ("etc", "/etc/libvirt"),
        ("state", "/var/lib/libvirt"),
        ("cache", "/var/cache/libvirt"),
        ("log", "/var/log/libvirt"),
    ):
        (folder / name).mkdir(exist_ok=True)
        Path(place).mkdir(parents=True, exist_ok=True)
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
