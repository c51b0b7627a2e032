"""What was compiled is kept for the next start, and used only if nothing has changed since."""

from __future__ import annotations

import functools
import secrets
import shutil
import subprocess
from pathlib import Path
from random import Random

import pytest

from accel.backend.decapsulator import Decap, parse_prefixes
from accel.datapath.datapath import DataPath
from accel.ebpf import loader, source
from accel.errors import ProgramError
from accel.model.placement import Limits
from tests.support.packets.packets import LINK, tcp, to_api
from tests.support.packets.rig import LIMITS
from tests.support.packets.world import WAYS, World

pytestmark = pytest.mark.usefixtures("full_run")

FRAME = bytes(LINK / to_api(4) / tcp(WAYS["ipip4"].port))


compiled = functools.cache(loader._compile)


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One entry for each time that the compiler is asked. Flow keys are no others in each test, so
    that it need not run where it is asked for the same again."""
    runs: list[str] = []

    def counted(name: str, request: str) -> object:
        runs.append(name)
        return compiled(name, request)

    drawn = Random(1)
    monkeypatch.setattr(secrets, "randbits", drawn.getrandbits)
    monkeypatch.setattr(loader, "_compile", counted)
    return runs


def left_by(kept: Path | None, limits: Limits = LIMITS) -> bytes:
    """What a data path makes of a frame."""
    datapath = DataPath.open(None, limits, kept)
    try:
        datapath.steering.sync(list(World().services.values()))
        return datapath.run(FRAME).frame
    finally:
        datapath.close()


def test_the_next_start_compiles_nothing(tmp_path: Path, compilations: list[str]) -> None:
    first = left_by(tmp_path)
    assert left_by(tmp_path) == first != FRAME
    assert compilations == ["gateway.bpf.c"]
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_other_limits_are_another_program(tmp_path: Path, compilations: list[str]) -> None:
    left_by(tmp_path)
    left_by(tmp_path, Limits(services=64, backends=256, flows=64))
    assert len(compilations) == 2


@pytest.mark.parametrize("name", ["gateway.json", "flow-keys"])
@pytest.mark.parametrize("found", ["", '{"digest": 1}'])
def test_a_broken_file_is_written_anew(
    tmp_path: Path, compilations: list[str], name: str, found: str
) -> None:
    left_by(tmp_path)
    whole = (tmp_path / name).read_text()
    (tmp_path / name).write_text(found)
    left_by(tmp_path)
    assert len(compilations) == 2
    assert len((tmp_path / name).read_text()) == len(whole)


def test_a_folder_that_cannot_be_written_does_no_harm(compilations: list[str]) -> None:
    assert left_by(Path("/proc")) != FRAME
    assert left_by(None) != FRAME
    assert len(compilations) == 2


def test_a_compiler_that_dies_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def died(*_: object, **__: object) -> object:
        return subprocess.CompletedProcess([], -9, stdout="", stderr="Killed")

    monkeypatch.setattr(subprocess, "run", died)
    with pytest.raises(ProgramError, match=r"Killed\nthe compiler ended with -9"):
        left_by(None)


def test_where_it_is_installed_changes_nothing(
    tmp_path: Path, compilations: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = left_by(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(source.BPF_DIR, elsewhere)
    monkeypatch.setattr(source, "BPF_DIR", elsewhere)
    assert left_by(tmp_path) == first
    assert compilations == ["gateway.bpf.c"]


def test_the_environment_names_a_folder_for_all(
    tmp_path: Path, compilations: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCEL_CACHE", str(tmp_path))
    for allow in (["10.0.1.1"], ["10.0.1.1"], ["10.0.1.2"], ["10.0.1.1", "10.0.1.2"]):
        Decap(allow=parse_prefixes(allow)).close()
    assert compilations == ["decap.bpf.c"] * 2
    assert len(list(tmp_path.iterdir())) == 2
