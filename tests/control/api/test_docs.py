"""The example in docs/api.md runs."""

from __future__ import annotations

import re

import pytest

from tests.support.daemon.here import Here
from tests.support.tree import DOCS

API = DOCS / "api.md"


def test_the_example_runs(here: Here, capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", API.read_text(), re.DOTALL)
    assert "/run/accel/accel.sock" in example
    exec(example.replace("/run/accel/accel.sock", str(here.socket)), {})
    assert capsys.readouterr().out.splitlines() == ["would be CHANGE_KIND_CREATED"] * 3 + [
        "3 api-1"
    ]


def test_every_reason_is_documented() -> None:
    from accel.control.api.rpc_errors import _REASONS

    text = API.read_text()
    missing = {reason for reason in _REASONS.values() if reason not in text}
    assert missing == {"LOCKED"}, "which comes only at the start, when nobody can be told"
