"""The preflight: what the gateway needs of this host, found by looking and by doing.

Each probe returns a Finding. Those with arguments are pure; the others look by themselves and
need neither root nor bcc nor any other package: what is missing is what they are to say.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import resource
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from accel.checks import features, guard
from accel.checks import interface as check_interface
from accel.checks.finding import Finding, fail, ok, warn
from accel.client.daemon_probe import unreachable
from accel.ebpf import capabilities
from accel.errors import AccelError

_OLDEST = (5, 10)  # mmapable arrays 5.5, CAP_BPF 5.8, XDP links 5.9, all in the long-term 5.10
_NO_MEMLOCK = (5, 11)  # BPF memory is charged to the cgroup instead
_PACKAGES = ("google.protobuf", "grpc", "grpc_status", "numpy", "pyroute2", "yaml")
_LOCKED_BYTES = 256 << 20  # more than the maps of the default limits take
_BPFFS = "/sys/fs/bpf"


def run(interfaces: Sequence[str], socket: Path) -> Iterator[Finding]:
    """All probes, one after the other: the host, the program, each interface, the daemon."""
    release = platform.release()
    has = capabilities.effective()
    yield kernel(release)
    yield allowed(has)
    yield packages([name for name in _PACKAGES if not _importable(name)])
    compiler = bcc()
    yield compiler
    yield headers(Path("/usr/include"), Path(f"/lib/modules/{release}/build"))
    yield btf(Path("/sys/kernel/btf/vmlinux").exists())
    yield bpffs(Path("/proc/mounts").read_text(), may_mount="CAP_SYS_ADMIN" in has)
    yield jit(Path("/proc/sys/net/core/bpf_jit_enable"))
    yield locked_memory(release, resource.getrlimit(resource.RLIMIT_MEMLOCK)[0])
    small = xdp()
    yield small
    yield from features.check()
    yield from guard.check()
    missing = [finding.name for finding in (compiler, small) if finding.level == "fail"]
    yield program(missing)
    yield check_interface.rules()
    for interface in interfaces:
        yield from check_interface.run(interface)
    yield daemon(socket)


def kernel(release: str) -> Finding:
    """`release` as uname(2) has it."""
    if version_of(release) < _OLDEST:
        return fail("kernel", release, "boot a kernel from 5.10 on")
    return ok("kernel", release)


def version_of(release: str) -> tuple[int, int]:
    """(6, 1) of "6.1.0-18-amd64"; (0, 0) if it does not begin like that."""
    found = re.match(r"(\d+)\.(\d+)", release)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def allowed(has: set[str]) -> Finding:
    """`has` are the process's capabilities."""
    if lacks := capabilities.missing(has):
        return fail(
            "capabilities",
            f"this process lacks {', '.join(lacks)}",
            f"run it as root: sudo accel check; a service needs {capabilities.IN_A_UNIT}",
        )
    if "CAP_NET_RAW" not in has:
        return warn(
            "capabilities",
            "without CAP_NET_RAW nothing is learned of narrow links to backends",
            "add CAP_NET_RAW to AmbientCapabilities; or give the routes to backends an mtu",
        )
    return ok("capabilities", ", ".join(sorted(has)))


def packages(missing: Sequence[str]) -> Finding:
    """Python packages that pip installs with this one."""
    if missing:
        how = f"{sys.executable} -m pip install accel-gateway"
        return fail("python packages", f"missing: {', '.join(missing)}", how)
    return ok("python packages", f"all there, for python {platform.python_version()}")


def _importable(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ImportError:
        return False


def bcc() -> Finding:
    """The BPF compiler, by importing it."""
    try:
        from accel.ebpf.compiler import import_bcc

        module = import_bcc()
    except AccelError as error:
        return fail("bcc", error.message, how_to_get_bcc(_os_release(), in_closed_venv()))
    except ImportError as error:
        return fail("bcc", f"not tried: {error}", "install the python packages first")
    return ok("bcc", str(getattr(module, "__version__", "of unknown version")))


def how_to_get_bcc(os_release: str, closed_venv: bool) -> str:
    """`os_release` is the text of /etc/os-release."""
    words = " ".join(re.findall(r'^ID(?:_LIKE)?="?([^"\n]*)', os_release, re.MULTILINE)).split()
    how = "install your distribution's Python 3 package of bcc"
    for name, command in (
        ("debian", "apt install python3-bpfcc"),
        ("ubuntu", "apt install python3-bpfcc"),
        ("fedora", "dnf install python3-bcc"),
        ("rhel", "dnf install python3-bcc"),
        ("suse", "zypper install python3-bcc"),
        ("arch", "pacman -S python-bcc"),
        ("alpine", "apk add py3-bcc"),
    ):
        if name in words:
            how = command
            break
    if closed_venv:
        how += (
            f"; this virtual environment does not see it: {os.path.realpath(sys.executable)}"
            f" -m venv --system-site-packages {sys.prefix}"
        )
    return f"{how} (not from PyPI: bcc there is something else)"


def in_closed_venv() -> bool:
    """True in a virtual environment that does not see the distribution's packages."""
    if sys.prefix == sys.base_prefix:
        return False
    settings = Path(sys.prefix, "pyvenv.cfg")
    text = settings.read_text() if settings.exists() else ""
    return not re.search(r"^include-system-site-packages\s*=\s*true", text, re.M | re.I)


def _os_release() -> str:
    path = Path("/etc/os-release")
    return path.read_text() if path.exists() else ""


def headers(include: Path, build: Path) -> Finding:
    """The C library's kernel headers below `include`, or a kernel's own at `build`."""
    multiarch = include / f"{platform.machine()}-linux-gnu"
    wanted = ("linux/bpf.h", "asm/types.h", "asm-generic/types.h")
    missing = [w for w in wanted if not (include / w).exists() and not (multiarch / w).exists()]
    if not missing:
        return ok("headers", f"the C library's, in {include}")
    if build.exists():
        return ok("headers", f"the kernel's own, in {build}")
    return fail(
        "headers",
        f"no {missing[0]} in {include}",
        "apt install linux-libc-dev, or dnf install kernel-headers; a kernel's own are not needed",
    )


def btf(there: bool) -> Finding:
    """The kernel's types: nothing fails without them now."""
    if there:
        return ok("BTF", "/sys/kernel/btf/vmlinux")
    return warn("BTF", "the kernel has none", "use a kernel built with CONFIG_DEBUG_INFO_BTF=y")


def bpffs(mounts: str, *, may_mount: bool) -> Finding:
    """`mounts` is the text of /proc/mounts."""
    if re.search(rf"^\S+ {_BPFFS} bpf ", mounts, re.MULTILINE):
        return ok("bpffs", f"mounted at {_BPFFS}")
    if may_mount:
        return ok("bpffs", f"not mounted at {_BPFFS} yet: acceld does that")
    return warn(
        "bpffs",
        f"not mounted at {_BPFFS}, and acceld needs CAP_SYS_ADMIN to do it",
        f"mount -t bpf bpf {_BPFFS}; inside `ip netns exec` it is hidden: use nsenter --net=",
    )


def jit(path: Path) -> Finding:
    """The sysctl net.core.bpf_jit_enable, which only root may read."""
    try:
        value = path.read_text().strip()
    except PermissionError:
        return warn("BPF JIT", "only root may read whether it is on", "sudo accel check")
    except OSError:
        return warn("BPF JIT", f"{path} is not there", "look outside of this network namespace")
    if value == "0":
        return warn("BPF JIT", "off: packets take several times longer",
                    "sysctl -w net.core.bpf_jit_enable=1")  # fmt: skip
    return ok("BPF JIT", "on")


def locked_memory(release: str, limit: int) -> Finding:
    """Before 5.11 maps count as locked memory; `limit` is in bytes."""
    if version_of(release) >= _NO_MEMLOCK:
        return ok("locked memory", "no limit that counts on this kernel")
    if limit == resource.RLIM_INFINITY or limit >= _LOCKED_BYTES:
        return ok("locked memory", "enough")
    return fail(
        "locked memory",
        f"{limit >> 10} kB, too little for maps before kernel 5.11",
        "ulimit -l unlimited, or LimitMEMLOCK=infinity in acceld's unit",
    )


def xdp() -> Finding:
    """Load a program of two instructions and run it once."""
    try:
        from accel.ebpf import syscall

        # r0 = XDP_PASS; exit
        code = bytes.fromhex("b7000000020000009500000000000000")
        fd = syscall.prog_load(syscall.PROG_XDP, code, license="GPL", name="check")
    except OSError as error:
        return fail(
            "XDP",
            f"the kernel does not load a program: {error.strerror}",
            "run it as root; in a container allow bpf(2) and CAP_BPF or CAP_SYS_ADMIN",
        )
    try:
        action = syscall.prog_test_run(fd, bytes(64)).action
    except OSError as error:
        return fail("XDP", f"a program does not run: {error.strerror}", "boot a newer kernel")
    finally:
        os.close(fd)
    if action != 2:
        return fail("XDP", f"a program returned {action}, not 2", "boot another kernel")
    return ok("XDP", "a program loads and runs")


def program(missing: Sequence[str]) -> Finding:
    """Compile, load and run the gateway itself, with small maps and pinned nowhere."""
    name = "gateway program"
    if missing:
        return fail(name, f"not tried without {' and '.join(missing)}", "see above")
    try:
        from accel.datapath.datapath import DataPath
        from accel.model.placement import Limits

        path = DataPath.open(None, Limits(services=2, backends=2, flows=1024))
        path.close()
    except AccelError as error:
        return fail(name, error.message.splitlines()[0], error.hint)
    except ImportError as error:
        return fail(name, f"not tried: {error}", "install the python packages first")
    return ok(name, "compiles, and the kernel accepts it")


def daemon(socket: Path) -> Finding:
    """Whether one listens; before the first start none does."""
    problem = unreachable(socket)
    if problem is None:
        return ok("daemon", f"listens at {socket}")
    return warn("daemon", problem.message, problem.hint)
