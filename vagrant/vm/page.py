"""docs/kernels.md, out of the reports of all kernels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from accel.ebpf.features import FEATURES
from vagrant.vm.report import Report
from vagrant.vm.run import ROOT

PAGE = ROOT / "docs" / "kernels.md"
_STEERING = "gateway program"
_INTRODUCTION = (
    "The gateway needs a kernel from 5.10 on. What each kernel does, as `accel check` found it by"
    " doing it, and what the tests said there. `make vm-test KERNELS=all` writes this page.",
    "",
    "    make vm-test                            # 6.1 and 6.12",
    "    make vm-test KERNELS='5.10 6.1'         # these",
    "    make vm-test KERNELS='--quick'          # what depends most on the kernel, as in CI",
    "    make vm-test KERNELS='all --refresh'    # look for newer kernels first",
    "",
    "Kernels come out of Debian's packages, one root file system serves them all, and QEMU boots"
    " it with the checkout in it; both are kept in `~/.cache/accel-vm`, as is the output of the"
    " last run on each kernel. KVM is used where a kernel comes up under it, else software"
    " emulation. Two interfaces with several queues are joined by a wire, in a network namespace"
    " that ends with the machine. `vagrant/vm/suite.py` lists the tests.",
    "",
    "What the tests' data paths compile comes from the host, if its bcc is the image's: emulation"
    " takes ten times as long for it. `accel check` compiles in each machine.",
    "",
    "`--if-possible`, for CI: what is not to be had (QEMU, 3 GB of disk, a suite) is said and is no"
    " failure. A kernel that does not come up is started once more; then, as when a test hangs or"
    " the kernel dies, the console's last lines are printed and the status is 1.",
    "",
    "## Vagrant",
    "`vagrant/Vagrantfile` has a machine for each of these kernels, for libvirt and VirtualBox:",
    "",
    "    cd vagrant && vagrant up k612 && vagrant ssh k612 -c 'accel demo'",
    "",
    "and two machines on real virtio-net interfaces with four queues:",
    "```",
    "                      192.168.57.0/24",
    " backend  eth2, in a namespace: client .30 ──┐",
    "                                             ├── gateway  eth1 .10: acceld, XDP",
    " backend  eth1: nginx, accel backend run .20 ┘",
    "```",
    "    vagrant up gateway backend",
    "    vagrant ssh backend -c 'sudo /checkout/vagrant/pair.sh ask 100'",
    "    vagrant ssh gateway -c 'accel stats'",
    "",
    "Where no public box can be fetched, `make vagrant-box` makes one of Debian's packages, and"
    " `VAGRANT_BOX=accel` takes it. `make vagrant-test` brings machines up, tests and destroys"
    " them, with a libvirt of its own in namespaces that end with it, so that nothing of the host"
    " is changed and nothing is left; KERNELS='all pair' for every machine. It keeps consoles in"
    " `~/.cache/accel-vm/consoles`.",
    "",
    "## bcc",
    "Of bcc the gateway uses the compiler, and nothing else: `BPF(text=...)`, the bytecode, the"
    " names of programs and maps, and the classes of maps' values, all in `accel/ebpf/compiler.py`."
    " Maps are made, and programs loaded, attached and pinned by `bpf(2)`. No kernel headers, no"
    " BTF of the compiler's and no kernel functions are asked of it, and helpers that old ones do"
    " not name are called by number (`bpf/lib/kernel_helpers.h`), so that one source serves all.",
    "",
    "| bcc | LLVM | of | tried |",
    "| --- | --- | --- | --- |",
    "| 0.26 | 14 | Debian 12 | everything on this page |",
    "| 0.31 | 19 | Debian 13 | each program compiled there, and loaded on 6.18: all of them |",
    "| 0.18 | 11 | Ubuntu 22.04, tried as Debian 11 has it | the same: all but `gateway_hint`,"
    " which the verifier finds too large, and `cookie_acceptor`, which its compiler does not"
    " survive: no hints, and no backends in guard mode cookie-backend |",
    "| 0.29 | 18 | Ubuntu 24.04 | not tried: its packages were out of reach |",
    "",
    "## Features",
    "A row is a `Feature` of `accel/ebpf/features.py`, with a probe that does the thing.",
    "",
)


def page(reports: Sequence[Report], *, which: str) -> str:
    """docs/kernels.md. `which` tests ran: "all", or the option that chose them."""
    heads = [f"{r.line}: `{r.release}`" if r.release else r.line for r in reports]
    rule = " --- |"
    lines = [
        "# Kernels",
        *_INTRODUCTION,
        f"| Feature | for | since | {' | '.join(heads)} |",
        f"| --- | --- | --- |{rule * len(reports)}",
        _row([_STEERING, "steering, all modes", "5.10"], [_cell(r, _STEERING) for r in reports]),
        *(
            _row([f.name, f.use, f.since], [_cell(r, f.name) for r in reports])
            for f in FEATURES
        ),
        "",
        "Where a needed feature is missing, the gateway does not start; else what it is for is"
        " refused with the kernel that has it, and the rest works.",
        "",
        "## Tests",
        "The last run on every kernel" + ("." if which == "all" else f", with `{which}`.")
        + " The host may have done other work meanwhile: its CPU time is what an idle one takes.",
        "",
        f"| Tests | {' | '.join(heads)} |",
        f"| --- |{rule * len(reports)}",
    ]  # fmt: skip
    for name in sorted({name for report in reports for name in report.tests}):
        lines.append(_row([f"`{name}`"], [_counts(r.tests.get(name, Counter())) for r in reports]))
    lines.append(_row(["all, in s"], [f"{r.seconds:.0f}" for r in reports]))
    lines.append(_row(["the host's CPU, in s"], [f"{r.busy:.0f}" for r in reports]))
    lines.append(
        _row(
            ["to the first, in s"],
            ["not up" if r.up_after is None else f"{r.up_after:.0f}" for r in reports],
        )
    )
    reasons = sorted({(reason, r.line) for r in reports for reason in r.reasons})
    if reasons:
        lines += ["", "Skipped, with the reason:", ""]
        lines += [f"* {line}: {reason}" for reason, line in reasons]
    problems = [f"* {r.line}: {r.problem}" for r in reports if r.problem]
    return "\n".join([*lines, *(["", "Not run:", "", *problems] if problems else [])]) + "\n"


def _row(heads: Sequence[str], cells: Sequence[str]) -> str:
    return f"| {' | '.join([*heads, *cells])} |"


def _cell(report: Report, name: str) -> str:
    level, _ = report.findings.get(name, ("not known", ""))
    return {"ok": "yes", "warn": "no", "fail": "no"}.get(level, level)


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{n} {outcome}" for outcome, n in sorted(counts.items())) or "not run"
