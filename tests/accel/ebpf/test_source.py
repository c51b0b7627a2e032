"""One text out of many files, and the numbers that C and Python share."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from accel.ebpf import source
from accel.ebpf.loader import compile_bpf
from accel.ebpf.source import BPF_DIR, read_constants, read_source
from accel.errors import ProgramError
from accel.model.guard_secret import GENERATIONS


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In the place of bpf/."""
    monkeypatch.setattr(source, "BPF_DIR", tmp_path)
    return tmp_path


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.h").write_text(text)
    return folder / "entry.h"


def test_includes_stand_where_they_were_asked_for(folder: Path) -> None:
    entry = write(folder, entry='before\n#include "part.h"\nafter\n', part="part\n")
    lines = [line for line in read_source(entry).splitlines() if not line.startswith("#line")]
    assert lines == ["before", "part", "after"]


def test_includes_are_as_seen_from_the_top(folder: Path) -> None:
    for room in ("a", "b"):
        (folder / room).mkdir()
    (folder / "a" / "one.h").write_text('#include "b/two.h"\none\n')
    (folder / "b" / "two.h").write_text("two\n")
    entry = folder / "a" / "entry.bpf.c"
    entry.write_text('#include "a/one.h"\nthree\n')
    text = read_source("a/entry.bpf.c")
    assert text == read_source(entry)
    assert [line for line in text.splitlines() if " " not in line] == ["two", "one", "three"]
    assert '#line 1 "b/two.h"' in text
    (folder / "a" / "one.h").write_text('#include "entry.bpf.c"\n')  # its neighbour
    with pytest.raises(ProgramError, match=r"a/one\.h:1: .*/entry\.bpf\.c cannot be read"):
        read_source(entry)


def test_the_text_does_not_say_where_it_is_installed(folder: Path) -> None:
    entry = write(folder, entry='#include "part.h"\n', part="part\n")
    assert str(folder) not in read_source(entry)


def test_each_file_is_included_once(folder: Path) -> None:
    entry = write(
        folder,
        entry='#include "a.h"\n#include "b.h"\n',
        a='#pragma once\n#include "b.h"\na\n',
        b="#pragma once\nb\n",
    )
    text = read_source(entry)
    assert text.count("\nb\n") == 1
    assert text.index("\nb\n") < text.index("\na\n")
    assert "#pragma" not in text


def test_a_circle_ends(folder: Path) -> None:
    entry = write(folder, entry='#include "a.h"\n', a='#include "entry.h"\na\n')
    assert read_source(entry).count("\na\n") == 1


def test_includes_in_brackets_are_the_compiler_s(folder: Path) -> None:
    entry = write(folder, entry="#include <linux/bpf.h>\n")
    assert "#include <linux/bpf.h>" in read_source(entry)


def test_every_line_is_named_truly() -> None:
    """Each line of the whole program, by #line, is that very line of that file."""
    file, number, checked = Path(), 0, 0
    for line in read_source("programs/gateway.bpf.c").splitlines():
        if line.startswith("#line "):
            _, count, name = line.split(" ", 2)
            file, number = BPF_DIR / name.strip('"'), int(count)
            continue
        here = file.read_text().splitlines()[number - 1]
        assert line == here or (line == "" and here.strip() == "#pragma once")
        number, checked = number + 1, checked + 1
    assert checked > 500


@pytest.mark.usefixtures("full_run")
def test_the_compiler_names_the_true_place(folder: Path) -> None:
    entry = write(folder, entry='int a;\n#include "part.h"\n', part="int b;\nint c = d;\n")
    with pytest.raises(ProgramError, match=r"part\.h:2"):
        compile_bpf(entry)


def test_a_missing_file_says_who_wanted_it(folder: Path) -> None:
    entry = write(folder, entry='\n#include "gone.h"\n')
    with pytest.raises(ProgramError) as raised:
        read_source(entry)
    assert f"{entry}:2: {folder / 'gone.h'} cannot be read" in str(raised.value)
    assert raised.value.hint


def test_constants_are_the_plain_numbers_of_a_header() -> None:
    flow, packet = read_constants("lib/tagged_words.h"), read_constants("packet/packet.h")
    assert flow["WAYS"] == 8
    assert flow["LIFETIME"] < flow["AGES"] - 1, "or a dead flow's age turns over unswept"
    assert packet["NO_SLOT"] == 0xFFFFFFFF
    assert "INLINE" not in packet


def test_helpers_are_those_that_old_compilers_name() -> None:
    """bcc 0.18 compiles a call of these; others go by number (bpf/lib/kernel_helpers.h)."""
    named = {
        *("csum_diff", "get_prandom_u32", "get_smp_processor_id", "jiffies64", "redirect"),
        *("ktime_get_coarse_ns", "ktime_get_ns", "skb_load_bytes_relative", "tcp_gen_syncookie"),
        *("sk_release", "skc_lookup_tcp", "skc_to_tcp_sock", "xdp_adjust_head", "xdp_adjust_tail"),
        "sk_assign_tcp_reqsk",  # our own, for a kernel function (accel/ebpf/kfunc.py)
    }
    text = "".join(path.read_text() for path in BPF_DIR.rglob("*.[ch]"))
    assert set(re.findall(r"\bbpf_(\w+)\((?!\))", text)) <= named


def test_as_many_keys_are_known_as_the_maps_have_room_for() -> None:
    assert read_constants("lib/key_generations.h")["KEY_GENERATIONS"] == GENERATIONS
