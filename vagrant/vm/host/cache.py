"""Where what is kept between runs is, and whether there is room for more."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from accel.errors import HostError


def cache() -> Path:
    """The folder of kernels, the image and the last runs' output."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "accel-vm"


def need_space(folder: Path, megabytes: int) -> None:
    """Raises HostError if the disk of `folder` has less than that."""
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free >> 20
    if free < megabytes:
        raise HostError(
            f"{folder} has {free} MB free, and {megabytes} MB are needed",
            hint="free some, or set XDG_CACHE_HOME to a larger disk",
        )
