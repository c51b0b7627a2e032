"""The hash of what decides the maps' layout: what counts for it, and what does not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from accel.datapath import layout
from accel.ebpf import source
from accel.model.placement import Limits


@pytest.fixture
def header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The maps' header, of a copy of bpf/ that is the one that counts."""
    shutil.copytree(source.BPF_DIR, tmp_path / "bpf")
    monkeypatch.setattr(source, "BPF_DIR", tmp_path / "bpf")
    return tmp_path / "bpf" / "maps" / "gateway.h"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("#pragma once", "/* a word */\n// another\n\n#pragma once"),
        ("\t__u8 state;", "\t__u8   state; /* up\n\t\tor down */\n"),
        ("struct settings {", "\n\nstruct settings {"),
    ],
)
def test_comments_and_blanks_do_not_count(header: Path, old: str, new: str) -> None:
    before, text = layout.layout_hash(Limits()), header.read_text()
    assert old in text
    header.write_text(text.replace(old, new))
    assert layout.layout_hash(Limits()) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\t__u8 state;", "\t__u16 state;"),
        ("#define SIEVE_WORDS 1024", "#define SIEVE_WORDS 2048"),
        ("struct settings, settings, 1,", "struct settings, settings, 2,"),
    ],
)
def test_what_the_compiler_sees_counts(header: Path, old: str, new: str) -> None:
    before, text = layout.layout_hash(Limits()), header.read_text()
    assert old in text
    header.write_text(text.replace(old, new))
    assert layout.layout_hash(Limits()) != before


def test_limits_count() -> None:
    assert layout.layout_hash(Limits()) != layout.layout_hash(Limits(services=64))
