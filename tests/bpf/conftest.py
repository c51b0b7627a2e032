"""One compiled program for all tests: compiling takes a second, and in a machine ten or twenty."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from accel.datapath.datapath import DataPath
from tests.support.packets.rig import KEPT, LIMITS, Rig


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """All of it is left out of `make check`."""
    return config.getoption("--quick") or None


@pytest.fixture(scope="session")
def loaded(full_run: None) -> Iterator[Rig]:
    """The data path, loaded, pinned nowhere and attached to nothing."""
    datapath = DataPath.open(None, LIMITS, KEPT)
    yield Rig(datapath)
    datapath.close()


@pytest.fixture
def rig(loaded: Rig) -> Rig:
    """The world in the maps, and nothing else."""
    loaded.reset()
    return loaded
