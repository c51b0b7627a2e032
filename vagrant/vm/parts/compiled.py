"""What the tests' data paths compile, compiled on the host: an emulated machine takes ten times as
long for it.

A machine takes it only where source, limits and bcc are its own (accel/ebpf/loader.py). With
another bcc on the host it compiles by itself. So does `accel check` everywhere.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from accel.backend import decapsulator
from accel.datapath.layout import defines
from accel.datapath.maps import compile_unit, new_flow_keys
from accel.datapath.programs import GUARD, HINTS, VARIANTS
from accel.ebpf.loader import compile_bpf, kept_in
from accel.errors import AccelError
from accel.lab.limits import SMALL
from accel.model.placement import Limits

_MACHINE = {"CPUS": 2, "TICKS_PER_SECOND": 250}
_BY_KERNEL = ("LOCAL_COOKIES", "PACKET_COPIES")  # 0 on 5.10, 1 on those from 6.0 on
_LIMITS = {".": Limits(), "rig": SMALL}  # those of daemons, and of tests/datapath
_ALONE: dict[str, dict[str, int]] = {
    "programs/decap.bpf.c": decapsulator.defines(2),  # a gateway's IPv4 and IPv6 address
    "programs/cookie_acceptor.bpf.c": {},
    "programs/flood.bpf.c": {},
}


def prepare(folder: Path, *, old: bool) -> str:
    """Fill `folder` as tests/conftest.py has it, for kernels from 6.0 on or for `old` ones.

    Returns why it could not, "" if it could.
    """
    machine = _MACHINE | dict.fromkeys(_BY_KERNEL, int(not old))
    jobs: list[Callable[[], object]] = []
    for where, limits in _LIMITS.items():
        (folder / where).mkdir(parents=True, exist_ok=True)
        job = partial(
            compile_unit,
            keys=new_flow_keys(folder / where),
            defines=defines(limits) | machine,
            kept=folder / where,
        )
        jobs += [partial(job, unit) for unit in (GUARD, HINTS, *VARIANTS.values())]
    for name, its in _ALONE.items():
        kept = kept_in(folder, name, its)
        jobs.append(partial(compile_bpf, name, defines=its, kept=kept))
    threads = ThreadPoolExecutor(os.cpu_count())
    try:
        for done in [threads.submit(job) for job in jobs]:
            done.result()
    except AccelError as error:
        return error.message.splitlines()[0]
    finally:
        threads.shutdown(cancel_futures=True)
    return ""
