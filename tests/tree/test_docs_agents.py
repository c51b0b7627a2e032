"""What docs/quic.md and docs/agents.md show is what the tests run."""

from __future__ import annotations

import ast
import re

import pytest

from tests.support.tree import ROOT


def blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)


def test_the_example_for_servers_is_the_one_of_the_wire_tests() -> None:
    """Those lead real connections by the ids that it makes: tests/wire/hints/test_hint_quic.py."""
    source = (ROOT / "tests/support/wire/quic_server.py").read_text()
    (function,) = (
        ast.get_source_segment(source, node)
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name == "routable"
    )
    assert blocks("quic.md")[0].strip() == function


@pytest.mark.parametrize("page", ["quic.md", "agents.md"])
def test_examples_are_python(page: str) -> None:
    assert len(blocks(page)) == 2
    for block in blocks(page):
        compile(block, page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
