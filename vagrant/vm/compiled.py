"""What the tests' data paths compile, compiled on the host: an emulated machine takes ten times as
long for it.

A machine takes it only where source, limits and bcc are its own (accel/loader.py): with another
bcc on the host, and on kernels without raw SYN cookies, it compiles by itself. So does
`accel check` everywhere.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from accel.errors import AccelError
from accel.lab.limits import SMALL
from accel.maps import compile_source, defines, new_flow_keys
from accel.placed import Limits

_PARTS = ("gateway", "guard", "hint", "hinted", "listed", "listed_hinted")
_MACHINE = {"CPUS": 2, "TICKS_PER_SECOND": 250, "LOCAL_COOKIES": 1}
_LIMITS = {".": Limits(), "rig": SMALL}  # those of daemons, and of tests/datapath


def prepare(folder: Path) -> str:
    """Fill `folder` as tests/conftest.py has it. Returns why it could not, "" if it could."""

    def compiled(of: tuple[str, str]) -> None:
        part, where = of
        its = defines(_LIMITS[where]) | _MACHINE
        compile_source(part, keys=keys[where], defines=its, kept=folder / where)

    keys = {}
    for where in _LIMITS:
        (folder / where).mkdir(parents=True, exist_ok=True)
        keys[where] = new_flow_keys(folder / where)
    try:
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            list(threads.map(compiled, [(part, where) for part in _PARTS for where in _LIMITS]))
    except AccelError as error:
        return error.message.splitlines()[0]
    return ""
