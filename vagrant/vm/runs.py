"""The machines of one `make vm-test`: what they share is prepared once, then they run."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Generator
from contextlib import closing
from functools import partial
from pathlib import Path
from threading import Event

from accel.errors import AccelError
from vagrant.vm.host.cache import cache
from vagrant.vm.machine import kvm
from vagrant.vm.machine.boot import Ran, boot
from vagrant.vm.machine.side_by_side import side_by_side
from vagrant.vm.options import Options
from vagrant.vm.parts.apt import SuiteError
from vagrant.vm.parts.checkout import checkout
from vagrant.vm.parts.compiled import prepare
from vagrant.vm.parts.initramfs import initramfs
from vagrant.vm.parts.kernels import Kernel, Line, fetch
from vagrant.vm.results import report, suite
from vagrant.vm.results.report import Report
from vagrant.vm.results.text import say


def reports(asked: Options, image: Path, folder: Path) -> Generator[Report]:
    """One for each kernel, as soon as it is there. Files are in `folder`. Raises AccelError."""
    kernels = []
    for line in asked.lines:
        found = _kernel(line, asked)
        if isinstance(found, Kernel):
            kernels.append(found)
        else:
            yield found
    if not kernels:
        return
    emulated = not kvm.works(kernels[0], refresh=asked.refresh)
    ages = {kernel.line.old for kernel in kernels}
    disks = {old: _checkout(folder, asked, old) for old in ages}
    jobs: list[Callable[[Event], Report]] = []
    for kernel in kernels:
        own = folder / kernel.line.name
        own.mkdir()
        machine = partial(
            boot,
            kernel,
            own,
            disks=[image, disks[kernel.line.old]],
            kvm=not emulated,
            seconds=asked.limit,
            arguments=f"accel.kernel={kernel.line.name}",
        )
        jobs.append(partial(_one, kernel, machine, "emulated" if emulated else "KVM"))
    with closing(side_by_side(jobs)) as done:
        yield from done


def _kernel(line: Line, asked: Options) -> Kernel | Report:
    try:
        kernel = fetch(line, refresh=asked.refresh)
        initramfs(kernel)
    except SuiteError as error:
        skipped = line.optional or asked.if_possible
        return Report(line=line.name, problem=str(error), skipped=skipped)
    return kernel


def _checkout(folder: Path, asked: Options, old: bool) -> Path:
    age = "old" if old else "new"
    disk, compiled = folder / f"checkout-{age}.tar", folder / f"compiled-{age}"
    if problem := prepare(compiled, old=old):
        say(f"nothing is compiled here, machines will take longer: {problem}")
    checkout(disk, tests=asked.tests, timeout=suite.EACH_SECONDS, compiled=compiled)
    return disk


def _one(kernel: Kernel, machine: Callable[..., Ran], how: str, stop: Event) -> Report:
    """What goes wrong with a machine is in its report, and no matter of the others."""
    name = kernel.line.name
    say(f"kernel {name} ({kernel.release}), {how}")
    try:
        return report.read(name, kernel.release, _tried(name, machine, stop))
    except (AccelError, OSError, subprocess.SubprocessError) as error:
        return Report(line=name, release=kernel.release, problem=str(error))


def _tried(name: str, machine: Callable[..., Ran], stop: Event) -> Ran:
    """A machine that does not come up is started once more: a host may be that busy."""
    for again in (False, True):
        ran = machine(stop=stop)
        kept = cache() / f"last-{name}{'-again' * again}.txt"
        kept.write_text(f"{ran.console}\n{ran.output}")
        if ran.up_after is not None or stop.is_set():
            break
        say(f"kernel {name}: not up after {ran.seconds:.0f} s: {kept}")
    return ran
