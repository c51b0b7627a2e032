"""The root file system, one for all kernels: Debian with bcc, and what the tests need of PyPI.

It is named after what it is made from, so it is made again when that changes, and only then.
"""

from __future__ import annotations

import hashlib
import re
import sys
import tomllib
from pathlib import Path

from accel.errors import HostError
from vagrant.vm.host.cache import cache, need_space
from vagrant.vm.host.folders import temporary
from vagrant.vm.host.programs import ROOT, run

_SUITE = "bookworm"
_PYTHON = "3.11"  # of the suite
_PACKAGES = (
    *("python3", "python3-bpfcc", "linux-libc-dev", "iproute2", "iputils-ping", "ethtool"),
    *("kmod", "util-linux", "nginx-light", "curl", "openssl", "ca-certificates", "ipvsadm"),
    *("systemd-sysv", "udev", "openssh-server", "sudo", "rsync"),  # for Vagrant
)
_TEST_TOOLS = ("hypothesis", "jsonschema", "pytest", "pytest-timeout", "scapy", "setuptools")
_PLATFORMS = ("manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux_2_28_x86_64")
_LIBRARIES = f"usr/local/lib/python{_PYTHON}/dist-packages"
_CHECKOUT = "/checkout"  # where init.sh puts it
_OURS = re.compile(r"root-[0-9a-f]{12}\.ext4")
_NEEDED_MB = 3000  # while it is made; 900 afterwards
# What Vagrant wants of a machine: an account with its well-known key, and an address.
_KEY = (
    "ssh-rsa AAAAB3NzaC1yc2EAAAABIwAAAQEA6NF8iallvQVp22WDkTkyrtvp9eWW6A8YVr+kz4TjGYe7gHzIw+niNltG"
    "EFHzD8+v1I2YJ6oXevct1YeS0o9HZyN1Q9qgCgzUFtdOKLv6IedplqoPkcmF0aYet2PkEDo3MlTBckFXPITAMzF8dJSI"
    "Fo9D8HfdOV0IAdx4O7PtixWKn5y2hMNG0zQPyUecp4pzC6kivAIhyfHilFR61RGL+GPXQ2MWZWFYbAGjyiYJnAmCP3NO"
    "Td0jMZEnDkbUvxhMmBYSdETk1rRgm+R4LOzFUGaHqHDLKLX+FIPKcF96hrucXzcWyLbIbEgE98OHlnVYCzRdK8jlqm8t"
    "ehUc9c9WhQ== vagrant insecure public key\n"
)
_FILES = {
    "home/vagrant/.ssh/authorized_keys": _KEY,
    "etc/sudoers.d/vagrant": "vagrant ALL=(ALL) NOPASSWD: ALL\n",
    "etc/systemd/network/eth0.network":
        "[Match]\nName=eth0\n[Network]\nDHCP=ipv4\n[DHCPv4]\nClientIdentifier=mac\n",
    "etc/machine-id": "",
}  # fmt: skip
_ACCOUNT = (
    "useradd --shell /bin/bash vagrant && chown -R vagrant:vagrant /home/vagrant"
    " && chmod 700 /home/vagrant/.ssh && systemctl -q enable systemd-networkd ssh"
    " && systemctl -q disable nginx"
)


def image() -> Path:
    """The image's path; it is made if it is not there. Raises HostError."""
    path = cache() / f"root-{recipe()}.ext4"
    if not path.exists():
        need_space(cache(), _NEEDED_MB)
        for old in cache().iterdir():
            if _OURS.fullmatch(old.name):
                old.unlink()
        with temporary("new-", cache()) as work:
            _root(work / "root")
            _libraries(work / "root", _requirements())
            _account(work / "root")
            _pack(work / "root", work / "image")
            (work / "image").rename(path)
    return path


def recipe() -> str:
    """What the image is made from, as a hash."""
    parts = (_SUITE, _PYTHON, _PACKAGES, _requirements(), Path(__file__).read_text())
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def _requirements() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extra: list[str] = project["optional-dependencies"]["test"]
    tools = [r for r in extra if re.split(r"[^\w-]", r)[0] in _TEST_TOOLS]
    return sorted([*project["dependencies"], *tools])


def _root(root: Path) -> None:
    excluded = [f"--dpkgopt=path-exclude=/usr/share/{p}/*" for p in ("doc", "man", "locale")]
    run(
        ["mmdebstrap", "--mode=root", "--variant=minbase", *excluded,
         '--aptopt=Acquire::Languages "none"', f"--include={','.join(_PACKAGES)}", _SUITE, root],
        what="making the image's root",
        hint="look whether Debian's mirror is in reach; mmdebstrap needs root here",
        apart=True,
    )  # fmt: skip


def _libraries(root: Path, requirements: list[str]) -> None:
    target = _within(root, _LIBRARIES)
    platforms = [part for p in _PLATFORMS for part in ("--platform", p)]
    run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--target", target, "--no-compile",
         "--only-binary=:all:", "--python-version", _PYTHON, *platforms, *requirements],
        what="fetching the tests' libraries",
        hint="look whether PyPI is in reach",
    )  # fmt: skip
    (target / "accel.pth").write_text(f"{_CHECKOUT}\n")
    # Compiled here, once: it takes minutes in a machine that is emulated.
    run(
        ["chroot", root, "python3", "-m", "compileall", "-q", "-j0", f"/{_LIBRARIES}"],
        what="compiling the tests' libraries",
        apart=True,
    )


def _account(root: Path) -> None:
    for name, text in _FILES.items():
        path = _within(root, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    run(["chroot", root, "sh", "-c", _ACCOUNT], what="making Vagrant's account", apart=True)


def _within(root: Path, name: str) -> Path:
    """A path of the image. Raises HostError if a link of the image leads out of it, to the host."""
    path = root / name
    if not path.resolve().is_relative_to(root.resolve()):
        raise HostError(f"{path} leads to {path.resolve()}", hint="report it with Debian's version")
    return path


def _pack(root: Path, image: Path) -> None:
    used = int(run(["du", "-sm", root], what="measuring the root").split()[0])
    run(
        ["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-d", root, image,
         f"{used * 5 // 4 + 64}M"],
        what="making the image",
    )  # fmt: skip
