"""One text out of many files, and the numbers that C and Python share."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from accel.ebpf.loader import compile_bpf
from accel.ebpf.source import BPF_DIR, read_constants, read_source
from accel.errors import ProgramError
from accel.model.guard_secret import GENERATIONS


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.h").write_text(text)
    return folder / "entry.h"


def test_includes_stand_where_they_were_asked_for(tmp_path: Path) -> None:
    entry = write(tmp_path, entry='before\n#include "part.h"\nafter\n', part="part\n")
    lines = [line for line in read_source(entry).splitlines() if not line.startswith("#line")]
    assert lines == ["before", "part", "after"]


def test_each_file_is_included_once(tmp_path: Path) -> None:
    entry = write(
        tmp_path,
        entry='#include "a.h"\n#include "b.h"\n',
        a='#pragma once\n#include "b.h"\na\n',
        b="#pragma once\nb\n",
    )
    text = read_source(entry)
    assert text.count("\nb\n") == 1
    assert text.index("\nb\n") < text.index("\na\n")
    assert "#pragma" not in text


def test_a_circle_ends(tmp_path: Path) -> None:
    entry = write(tmp_path, entry='#include "a.h"\n', a='#include "entry.h"\na\n')
    assert read_source(entry).count("\na\n") == 1


def test_includes_in_brackets_are_the_compiler_s(tmp_path: Path) -> None:
    entry = write(tmp_path, entry="#include <linux/bpf.h>\n")
    assert "#include <linux/bpf.h>" in read_source(entry)


def test_every_line_is_named_truly() -> None:
    """Each line of the whole program, by #line, is that very line of that file."""
    file, number, checked = Path(), 0, 0
    for line in read_source(BPF_DIR / "gateway.c").splitlines():
        if line.startswith("#line "):
            _, count, name = line.split(" ", 2)
            file, number = Path(name.strip('"')), int(count)
            continue
        here = file.read_text().splitlines()[number - 1]
        assert line == here or (line == "" and here.strip() == "#pragma once")
        number, checked = number + 1, checked + 1
    assert checked > 500


def test_the_compiler_names_the_true_place(tmp_path: Path) -> None:
    entry = write(tmp_path, entry='int a;\n#include "part.h"\n', part="int b;\nint c = d;\n")
    with pytest.raises(ProgramError, match=r"part\.h:2"):
        compile_bpf(entry)


def test_a_missing_file_says_who_wanted_it(tmp_path: Path) -> None:
    entry = write(tmp_path, entry='\n#include "gone.h"\n')
    with pytest.raises(ProgramError) as raised:
        read_source(entry)
    assert f"{entry}:2 needs {tmp_path / 'gone.h'}" in str(raised.value)
    assert raised.value.hint


def test_constants_are_the_plain_numbers_of_a_header() -> None:
    flow, packet = read_constants("words.h"), read_constants("packet.h")
    assert flow["WAYS"] == 8
    assert flow["LIFETIME"] < flow["AGES"] - 1, "or a dead flow's age turns over unswept"
    assert packet["NO_SLOT"] == 0xFFFFFFFF
    assert "INLINE" not in packet


def test_helpers_are_those_that_old_compilers_name() -> None:
    """bcc 0.18 compiles a call of these; others go by number (bpf/helpers.h)."""
    named = {
        *("csum_diff", "get_prandom_u32", "get_smp_processor_id", "jiffies64", "redirect"),
        *("ktime_get_coarse_ns", "ktime_get_ns", "skb_load_bytes_relative", "tcp_gen_syncookie"),
        *("sk_release", "skc_lookup_tcp", "skc_to_tcp_sock", "xdp_adjust_head", "xdp_adjust_tail"),
        "sk_assign_tcp_reqsk",  # our own, for a kernel function (accel/ebpf/kfunc.py)
    }
    text = "".join(path.read_text() for path in BPF_DIR.glob("*.[ch]"))
    assert set(re.findall(r"\bbpf_(\w+)\((?!\))", text)) <= named


def test_as_many_keys_are_known_as_the_maps_have_room_for() -> None:
    assert read_constants("keys.h")["KEY_GENERATIONS"] == GENERATIONS
