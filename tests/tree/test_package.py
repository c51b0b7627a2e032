"""What `pip install` gives: built from the source archive, installed where nothing else is."""

from __future__ import annotations

import os
import shutil
import site
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.support.tree import ROOT

pytestmark = pytest.mark.usefixtures("full_run")

LEFT_OUT = shutil.ignore_patterns(".*", "*.so", "*.egg-info", "__pycache__", "build", "dist", "out")


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Standard output; the test fails with all of the output if the command does."""
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{output}"
    return done.stdout


def build(source: Path, *kinds: str, **environment: str) -> Path:
    """The one file that `python -m build` makes of a source tree."""
    out = source.parent / f"built{''.join(kinds)}"
    build_it = (sys.executable, "-m", "build", "--no-isolation", "--skip-dependency-check")
    run(*build_it, *kinds, "--outdir", out, source, cwd=source.parent, **environment)
    (made,) = out.iterdir()
    return made


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source archive, unpacked: whatever is not in it is not in the wheel either."""
    folder = tmp_path_factory.mktemp("source")
    tree = folder / "tree"
    shutil.copytree(ROOT, tree, symlinks=True, ignore=LEFT_OUT)
    archive = build(tree, "--sdist")
    run("tar", "-xf", archive, cwd=folder)
    return folder / archive.name.removesuffix(".tar.gz")


@pytest.fixture(scope="module")
def wheel(source: Path) -> Path:
    return build(source, "--wheel")


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment with the wheel and, of ours, the dependencies."""
    folder = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "venv", "--system-site-packages", folder, cwd=folder)
    purelib = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    # After the environment's own folder, and without what an editable installation adds.
    (purelib / "dependencies.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    made = folder / "bin" / "python"
    run(made, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", wheel, cwd=folder)
    return made


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def test_one_wheel_for_every_python(wheel: Path) -> None:
    assert "-cp311-abi3-" in wheel.name


def test_the_wheel_has_all_of_the_package_and_nothing_else(wheel: Path) -> None:
    found = names(wheel)
    assert {name.split("/")[0] for name in found} == {"accel"}
    for folder, patterns in {
        "accel": ("**/*.py", "**/*.json", "**/*.pyi", "py.typed"),
        "control": ("**/*.py",),
        "bpf": ("**/*.c", "**/*.h"),
    }.items():
        prefix = "" if folder == "accel" else "accel/"
        wanted = {
            f"{prefix}{path.relative_to(ROOT)}"
            for pattern in patterns
            for path in (ROOT / folder).glob(pattern)
        }
        assert wanted
        assert wanted <= found
    assert "accel/datapath/steering/_maglev.abi3.so" in found


def test_commands_and_daemon_start(python: Path) -> None:
    folder = python.parent.parent
    assert "usage: accel" in run(python.with_name("accel"), "--help", cwd=folder)
    assert "usage: acceld" in run(python.with_name("acceld"), "--help", cwd=folder)


def test_everything_is_imported_from_where_it_was_installed(python: Path) -> None:
    folder = python.parent.parent
    code = (
        "import accel, accel.v1.gateway_pb2;"
        "from accel.control import daemon;"
        "from accel.control.gateway import gateway;"
        "from accel.datapath.steering import _maglev;"
        "from accel.ebpf.source import BPF_DIR;"
        "print(accel.__file__, _maglev.__file__, daemon.__file__, gateway.__file__,"
        "BPF_DIR / 'programs/gateway.bpf.c')"
    )
    paths = run(python, "-c", code, cwd=folder).split()
    assert len(paths) == 5
    for path in map(Path, paths):
        assert path.is_relative_to(folder)
        assert path.is_file()


def test_without_a_compiler_it_builds_all_the_same(
    source: Path, python: Path, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(source, tree, ignore=LEFT_OUT)
    wheel = build(tree, "--wheel", CC="/bin/false")
    found = names(wheel)
    assert "accel/datapath/steering/maglev.py" in found
    assert not [name for name in found if name.endswith(".so")]
    installed = tmp_path / "installed"
    shutil.unpack_archive(wheel, installed, "zip")
    code = (
        "import logging; logging.basicConfig();"
        "from accel.datapath.steering import maglev;"
        "print(maglev.build(['a', 'b'], [1, 2], 3).tolist())"
    )
    # The working directory comes before what the fresh environment has installed.
    done = subprocess.run([python, "-c", code], cwd=installed, capture_output=True, text=True)
    assert sorted(done.stdout) == sorted("[0, 1, 1]\n"), done.stderr
    assert "install a C compiler" in done.stderr
