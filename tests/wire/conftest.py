"""All tests here have namespaces and daemons."""

from __future__ import annotations

import pytest


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """All of it is left out of `make check`."""
    return config.getoption("--quick") or None
