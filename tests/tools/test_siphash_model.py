"""The SipHash of the reference model is that of the Python interpreter, whose key can be all 0."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.model.siphash_model import siphash

TEXTS = [bytes(range(1, size + 1)) for size in (1, 7, 8, 9, 15, 16, 40, 63, 64)]


@pytest.mark.skipif(sys.hash_info.algorithm != "siphash13", reason=sys.hash_info.algorithm)
def test_it_hashes_as_python_does() -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"print([hash(text) for text in {TEXTS!r}])"],
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    ours = [siphash((0, 0), blocks(text)) for text in TEXTS]
    assert str([h - (h >> 63 << 64) for h in ours]) == done.stdout.strip()


def blocks(text: bytes) -> list[int]:
    """As the paper cuts a text up: little-endian words, its length in the last one's top byte."""
    padded = text + bytes(-(len(text) + 1) % 8) + bytes([len(text)])
    return [int.from_bytes(padded[i : i + 8], "little") for i in range(0, len(padded), 8)]
