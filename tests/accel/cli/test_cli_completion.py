"""Completion scripts, run by the shells that they are for."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from accel.cli.main import main

# What `accel service list -o name` and the like print here.
ASKED = 'case "$*" in *service*) echo "api dns";; *backend*) echo "api/a api/b";; esac'

CASES = [
    ("serv", "service"),
    ("a", "agent apply attach"),
    ("service ", "add list remove set show"),
    ("service sh", "show"),
    ("--socket x service sh", "show"),
    ("service show ", "api dns"),
    ("service show d", "dns"),
    ("drain api/", "api/a api/b"),
    ("drain --w", "--wait"),
    ("--socket x service list --exp", ""),
    ("service set api --exp", "--expected-revision"),
    ("service list -o ", "json name table yaml"),
    ("apply -o js", "json"),
    ("attach lo --mode n", "native"),
    ("completion ", "bash fish zsh"),
    ("explain --to ", "api dns"),
]


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["completion", shell]) == 0
    return capsys.readouterr().out


def run(shell: str, text: str) -> list[str]:
    """The words that `text`, run by `shell`, prints, in order of the alphabet."""
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    arguments = [shell, "-f", "-c", text] if shell == "zsh" else [shell, "-c", text]
    done = subprocess.run(arguments, capture_output=True, text=True)
    assert done.stderr == ""
    return sorted({line.split("\t")[0] for line in done.stdout.splitlines() if line})


@pytest.mark.parametrize(("line", "words"), CASES)
def test_bash(line: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["accel", *line.split(" ")]
    quoted = " ".join(f"'{word}'" for word in given)
    text = (
        f"{script('bash', capsys)}\n_accel_ask() {{ {ASKED}; }}\n"
        f"COMP_WORDS=({quoted}); COMP_CWORD={len(given) - 1}; _accel\n"
        "printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    assert run("bash", text) == words.split()


@pytest.mark.parametrize(("line", "words"), CASES)
def test_zsh(line: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["accel", *line.split(" ")]
    quoted = " ".join(f"'{word}'" for word in given)
    text = (
        f"compdef() {{ }}\ncompadd() {{ shift; print -l -- $@ }}\n{script('zsh', capsys)}\n"
        f"_accel_ask() {{ {ASKED}; }}\nwords=({quoted}); CURRENT={len(given)}; _accel"
    )
    # zsh's own compadd keeps those that begin with what is typed.
    found = [word for word in run("zsh", text) if word.startswith(given[-1])]
    assert found == words.split()


@pytest.mark.parametrize(("line", "words"), CASES)
def test_fish(line: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = (
        f'{script("fish", capsys)}\nfunction __accel_ask\n  switch "$argv"\n'
        "    case '*service*'; printf '%s\\n' api dns\n"
        "    case '*backend*'; printf '%s\\n' api/a api/b\n  end\nend\n"
        f"complete -C 'accel {line}'"
    )
    assert run("fish", text) == words.split()


def test_files_and_interfaces(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "gateway.yaml").touch()
    bash = script("bash", capsys).replace("compopt -o filenames; ", "")  # only while completing
    text = (
        f"{bash}\ncd {tmp_path}\n"
        "COMP_WORDS=(accel apply -f g); COMP_CWORD=3; _accel; echo ${COMPREPLY[@]}\n"
        "COMP_WORDS=(accel attach l); COMP_CWORD=2; _accel; echo ${COMPREPLY[@]}\n"
    )
    assert run("bash", text) == ["gateway.yaml", "lo"]


def test_the_scripts_come_from_the_parser(capsys: pytest.CaptureFixture[str]) -> None:
    from accel.cli.completion import _nodes
    from accel.cli.main import build

    scripts = {shell: script(shell, capsys) for shell in ("bash", "zsh", "fish")}
    for node in _nodes(build(), ()):
        for action in node.options:
            for name in action.option_strings:
                assert name in scripts["bash"]
                assert name in scripts["zsh"]
                assert f"-l {name[2:]}" in scripts["fish"] or f"-s {name[1:]}" in scripts["fish"]
