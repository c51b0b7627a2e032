"""The preflight: each probe in each of its outcomes, and the command as a whole."""

from __future__ import annotations

import builtins
import json
import os
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from accel.checks import host
from accel.checks.finding import Finding, fail, ok, warn
from accel.cli import exits
from accel.cli.main import main
from accel.ebpf import capabilities
from accel.errors import HostError, ProgramError

_SYS_ADMIN, _NET_ADMIN, _NET_RAW, _PERFMON, _BPF = (1 << bit for bit in (21, 12, 13, 38, 39))


def complete(finding: Finding) -> bool:
    """Whatever is not well says how to get it."""
    return finding.level == "ok" or bool(finding.fix)


@pytest.mark.parametrize(
    ("release", "level"),
    [
        ("6.1.0-18-amd64", "ok"),
        ("5.10.0-28-amd64", "ok"),
        ("5.9.16", "fail"),
        ("4.19.0", "fail"),
        ("unknown", "fail"),
    ],
)
def test_kernel(release: str, level: str) -> None:
    found = host.kernel(release)
    assert (found.level, found.found) == (level, release)
    assert complete(found)


@pytest.mark.parametrize(
    ("mask", "level", "lacks"),
    [
        (_NET_ADMIN | _NET_RAW | _SYS_ADMIN, "ok", ""),
        (_NET_ADMIN | _NET_RAW | _BPF | _PERFMON, "ok", ""),
        (_NET_ADMIN | _BPF | _PERFMON, "warn", "CAP_NET_RAW"),
        (_NET_ADMIN | _NET_RAW | _BPF, "fail", "CAP_PERFMON"),
        (_SYS_ADMIN, "fail", "CAP_NET_ADMIN"),
        (0, "fail", "CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON"),
    ],
)
def test_capabilities(mask: int, level: str, lacks: str) -> None:
    status = f"Name:\tx\nCapInh:\t0\nCapEff:\t{mask:016x}\nCapBnd:\tffff\n"
    found = host.allowed(capabilities.effective(status))
    assert found.level == level
    assert lacks in found.found
    assert complete(found)


@pytest.mark.parametrize(
    ("os_release", "command"),
    [
        ("ID=debian\n", "apt install python3-bpfcc"),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', "apt install python3-bpfcc"),
        ("NAME=Fedora\nID=fedora\n", "dnf install python3-bcc"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "dnf install python3-bcc"),
        ('ID="opensuse-leap"\nID_LIKE="suse opensuse"\n', "zypper install python3-bcc"),
        ("ID=arch\n", "pacman -S python-bcc"),
        ("ID=plan9\n", "your distribution's"),
        ("", "your distribution's"),
    ],
)
def test_how_to_get_bcc(os_release: str, command: str) -> None:
    assert command in host.how_to_get_bcc(os_release, closed_venv=False)
    assert "system-site-packages" not in host.how_to_get_bcc(os_release, closed_venv=False)
    assert "--system-site-packages" in host.how_to_get_bcc(os_release, closed_venv=True)


@pytest.mark.parametrize(
    ("settings", "closed"),
    [
        ("include-system-site-packages = false\n", True),
        ("home = /usr\ninclude-system-site-packages = True\n", False),
    ],
)
def test_a_venv_that_does_not_see_the_distribution(
    settings: str, closed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyvenv.cfg").write_text(settings)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert host.in_closed_venv() is closed
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    assert host.in_closed_venv() is False


def test_bcc_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> Any:
        if name == "bcc":
            raise ImportError("No module named 'bcc'")
        return real(name, globals, locals, fromlist, level)

    monkeypatch.setattr(builtins, "__import__", without)
    found = host.bcc()
    assert found.level == "fail"
    assert "No module named 'bcc'" in found.found
    assert "install" in found.fix


def test_packages() -> None:
    assert host.packages([]).level == "ok"
    missing = host.packages(["grpc", "numpy"])
    assert (missing.level, missing.found) == ("fail", "missing: grpc, numpy")
    assert "pip install accel-gateway" in missing.fix


def test_headers(tmp_path: Path) -> None:
    include, build = tmp_path / "include", tmp_path / "build"
    missing = host.headers(include, build)
    assert missing.level == "fail"
    assert "linux-libc-dev" in missing.fix
    build.mkdir()
    assert host.headers(include, build).found == f"the kernel's own, in {build}"
    multiarch = f"{os.uname().machine}-linux-gnu"
    for name in ("linux/bpf.h", "asm-generic/types.h", f"{multiarch}/asm/types.h"):
        (include / name).parent.mkdir(parents=True)
        (include / name).touch()
    assert host.headers(include, build).found == f"the C library's, in {include}"


@pytest.mark.parametrize(
    ("mounts", "may_mount", "level"),
    [
        ("none /sys/fs/bpf bpf rw 0 0\n", False, "ok"),
        ("sysfs /sys sysfs rw 0 0\nbpf /sys/fs/bpf bpf rw 0 0\n", True, "ok"),
        ("sysfs /sys sysfs rw 0 0\n", True, "ok"),
        ("sysfs /sys sysfs rw 0 0\n", False, "warn"),
        ("bpf /elsewhere/sys/fs/bpf bpf rw 0 0\n", False, "warn"),
        ("tmpfs /sys/fs/bpf tmpfs rw 0 0\n", False, "warn"),
    ],
)
def test_bpffs(mounts: str, may_mount: bool, level: str) -> None:
    found = host.bpffs(mounts, may_mount=may_mount)
    assert found.level == level
    assert complete(found)


def test_jit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bpf_jit_enable"
    assert host.jit(path).level == "warn"
    for value, level in (("0\n", "warn"), ("1\n", "ok"), ("2\n", "ok")):
        path.write_text(value)
        assert host.jit(path).level == level

    def refuse(self: Path) -> str:
        raise PermissionError

    monkeypatch.setattr(Path, "read_text", refuse)
    assert "only root" in host.jit(path).found


@pytest.mark.parametrize(
    ("release", "limit", "level"),
    [
        ("5.11.0", 65536, "ok"),
        ("5.10.0", 65536, "fail"),
        ("5.10.0", 1 << 30, "ok"),
        ("5.10.0", resource.RLIM_INFINITY, "ok"),
    ],
)
def test_locked_memory(release: str, limit: int, level: str) -> None:
    found = host.locked_memory(release, limit)
    assert found.level == level
    assert complete(found)


def test_btf() -> None:
    assert host.btf(True).level == "ok"
    assert host.btf(False).level == "warn"


def test_xdp_that_the_kernel_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("accel.ebpf.syscall.prog_load", refuse)
    found = host.xdp()
    assert found.level == "fail"
    assert "Operation not permitted" in found.found


def test_program(monkeypatch: pytest.MonkeyPatch) -> None:
    assert host.program(["bcc", "XDP"]).found == "not tried without bcc and XDP"

    def refuse(*_: object) -> None:
        raise ProgramError("the kernel refused gateway\nlong log", hint="read it")

    monkeypatch.setattr("accel.datapath.datapath.DataPath.open", refuse)
    found = host.program([])
    assert (found.level, found.found) == ("fail", "the kernel refused gateway")
    assert found.fix == "read it"


def test_daemon(tmp_path: Path) -> None:
    found = host.daemon(tmp_path / "none")
    assert found.level == "warn"
    assert "systemctl start acceld" in found.fix


@pytest.mark.parametrize(
    ("levels", "code"),
    [(("ok", "ok"), exits.DONE), (("ok", "warn"), exits.DONE), (("warn", "fail"), exits.FAILED)],
)
def test_the_command(
    levels: tuple[str, ...],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = {
        "ok": ok("good", "there"),
        "warn": warn("so so", "odd", "look at it"),
        "fail": fail("bad", "missing", "get it"),
    }
    monkeypatch.setattr("accel.checks.host.run", lambda *_: iter(made[level] for level in levels))
    assert main(["check"]) == code
    out, err = capsys.readouterr()
    assert ("bad\n  get it" in out) == ("fail" in levels)
    assert ("so so\n  look at it" in out) == ("warn" in levels)
    assert err.endswith(f"of {len(levels)}\n")
    assert main(["check", "-o", "json"]) == code
    assert [found["level"] for found in json.loads(capsys.readouterr().out)] == list(levels)


@pytest.mark.usefixtures("full_run")
def test_an_ordinary_user_is_told_what_is_missing() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to become an ordinary user")
    script = (
        "import os, sys\n"
        "import accel.cli.main\n"
        "os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)\n"
        "sys.exit(accel.cli.main.main(['check', '-o', 'json']))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 7, done.stderr
    found = {finding["name"]: finding for finding in json.loads(done.stdout)}
    assert found["capabilities"]["level"] == "fail"
    assert "sudo accel check" in found["capabilities"]["fix"]
    assert "XDP" in found["gateway program"]["found"]
    assert all(finding["level"] == "ok" or finding["fix"] for finding in found.values())


def test_host_errors_end_the_same_way() -> None:
    assert HostError.exit_code == exits.FAILED
