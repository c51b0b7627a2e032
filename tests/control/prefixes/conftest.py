"""A gateway with room for a few prefixes."""

from __future__ import annotations

import pytest

from accel.model.placement import Limits


@pytest.fixture
def limits() -> Limits:
    return Limits(services=8, backends=16, prefixes=8)
