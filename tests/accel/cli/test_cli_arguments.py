"""The command line without a daemon: arguments, help, exit codes, and what it imports."""

from __future__ import annotations

import json
import re
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import jsonschema
import pytest

from accel import errors
from accel.cli import exits
from accel.cli.main import build, main
from accel.errors import AccelError
from tests.support.tree import DOCS

AGENT = ["agent", "haproxy", "--stats-socket", "x", "--service", "api"]
COMMANDS = """\
    check            what this host lacks, and how to get it
    apply            make the gateway what a file says
    diff             what apply would change
    export           print what the gateway has, in the form that apply reads
    schema           print the JSON schema of that file
    service          services: list, show, add, set, remove
    backend          backends: list, show, add, set, remove, run
    drain            give a backend no new flows; its known ones stay
    attach           run the program on an interface
    detach           take the program off an interface
    status           the daemon, its interfaces and its maps
    stats            packets and bytes by backend and by verdict
    guard            the guard against floods: status, set, samples
    prefix           allowed and denied clients: add, remove, list, load, lookup
    hint             connection-reuse hints: where clients' next connections land
    shard            connections of one key share a few backends: set, remove, list
    agent            beside a backend's server: reports its warm connections
    explain          what would happen to a packet, and why
    watch            changes as they happen, until Ctrl-C
    completion       print a completion script for bash, zsh or fish
    demo             the gateway at work in namespaces of this machine (needs root)
"""


def test_help_lists_the_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert COMMANDS in build().format_help()


def test_no_arguments_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert capsys.readouterr().err.startswith("usage: accel ")


@pytest.mark.parametrize(
    ("arguments", "says", "hint"),
    [
        (["servce"], "'servce'", "did you mean 'service'?"),
        (["service"], "COMMAND: is missing", "accel service --help"),
        (["service", "lst"], "'lst'", "did you mean 'list'?"),
        (["service", "list", "--ouput", "json"], "--ouput: is not known", "'--output'"),
        (["service", "list", "extra"], "extra: is not known", "accel service list --help"),
        (["service", "list", "-o", "jsn"], "-o/--output: 'jsn'", "did you mean 'json'?"),
        (["service", "add"], "SERVICE, --address, --port: is missing", "--help"),
        (["service", "set", "api"], "nothing to change is named", "--ring-size"),
        (["service", "set", "api", "--port", "0"], "--port", "accel apply"),
        (["service", "set", "api", "--port", "65536"], "65536 is not from 0 to 65535", "--help"),
        (["service", "set", "api", "--address", "x"], "--address: 'x' is not an IPv4", "2001:db8"),
        (["service", "add", "API", "--address", "192.0.2.1", "--port", "1"], "'API'", "a-z"),
        (["backend", "show", "api"], "'api' names no backend", "write api/NAME"),
        (["backend", "show", "api/"], "BACKEND: is missing", "a-z"),
        (["backend", "set", "api/a"], "nothing to change is named", "--gue-port"),
        (["backend", "set", "api/a", "--weight", "0"], "0 is not from 1 to 65535", "--help"),
        (["backend", "set", "api/a", "--weight", "1e3"], "'1e3' is not a whole number", "--help"),
        (["backend", "add", "api/a", "--address", "127.0.0.1"], "127.0.0.1 is loopback", "unicast"),
        (["backend", "add", "api/a", "--address", "1.2.3.4", "--mode", "gre"], "'gre'", "'gue'"),
        (["backend", "list", "API"], "SERVICE: 'API' is not a name", "a-z"),
        (["backend", "run", "--interface", "lo"], "--allow: is missing", "--help"),
        (["agent", "haproxy"], "--stats-socket, --service, --backend: is missing", "--help"),
        ([*AGENT, "--backend", "api/a"], "--backend: 'api/a' is not a name", "a-z"),
        ([*AGENT, "--backend", "a", "--gateway", "g:1"], "mutual TLS only", "--tls-cert"),
        ([*AGENT, "--backend", "a", "--tls-ca", "x"], "--gateway: is missing", "--tls"),
        (["drain", "api/a", "--undo", "--wait", "1"], "not allowed with", "accel drain --help"),
        (["drain", "api/a", "--wait", "soon"], "'soon' is not a number of seconds", "--help"),
        (["drain", "api/a", "--wait", "nan"], "'nan' is not a number of seconds", "--help"),
        (["apply"], "-f/--file: is missing", "accel apply --help"),
        (["apply", "-f", "/nonexistent"], "/nonexistent: cannot be read", "YAML"),
        (["apply", "-f", "x", "--expected-revision", "-1"], "'-1' is not a revision", "--help"),
        (["diff", "-f", "/"], "cannot be read: Is a directory", "YAML"),
        (["stats", "--watch", "--interval", "0"], "less than 0.1 seconds", "--help"),
        (["watch", "--from-revision", "new"], "'new' is not a revision", "--help"),
        (["attach"], "IFACE: is missing", "accel attach --help"),
        (["attach", "lo", "--mode", "fast"], "'fast'", "native"),
        (["completion", "csh"], "'csh'", "did you mean 'zsh'?"),
        (["explain", "--from", "192.0.2.1", "--to", "a"], "--from: '192.0.2.1' is not", "[2001"),
        (["explain", "--from", "1.2.3.4:5", "--to", "[::1:5"], "--to", "[2001:db8::1]:443"),
        (["--timeout", "never", "status"], "'never' is not a number of seconds", "accel --help"),
    ],
)
def test_wrong_arguments_are_two_lines(
    arguments: list[str], says: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    first, second = err.splitlines()
    assert first.startswith("accel: ")
    assert says in first
    assert second.startswith("hint: ")
    assert hint in second


def test_a_wrong_file_is_refused_before_a_daemon_is_needed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text("services:\n- name: api\n  address: 192.0.2.1\n  prot: 80\n")
    assert main(["apply", "-f", str(path)]) == 2
    assert capsys.readouterr().err == (
        f"accel: services[0].prot: no such key ({path} line 4)\nhint: did you mean 'port'?\n"
    )


def _leaves(kind: type[AccelError]) -> set[type[AccelError]]:
    return {kind}.union(*(_leaves(below) for below in kind.__subclasses__()))


def test_every_exit_code_is_documented() -> None:
    codes = {kind.exit_code for kind in _leaves(errors.AccelError)}
    codes |= {exits.DONE, exits.FAILED, exits.DIFFERENT, exits.INTERRUPTED, exits.READER_GONE}
    shown = {int(code) for code in re.findall(r"^  (\d+) ", exits.TABLE, re.MULTILINE)}
    written = re.findall(r"^\| (\d+) \|", (DOCS / "cli.md").read_text(), re.MULTILINE)
    assert codes == shown == set(map(int, written))
    assert exits.TABLE in build().format_help()


def test_every_command_is_documented() -> None:
    page = (DOCS / "cli.md").read_text()
    for line in COMMANDS.splitlines():
        assert f"`accel {line.split()[0]}" in page


def test_errors_end_in_their_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise errors.HostError("two\nlines", hint="one\nhint")

    monkeypatch.setattr("accel.cli.connect.client", fail)
    assert main(["status"]) == 7
    assert capsys.readouterr().err == "accel: two lines\nhint: one hint\n"


def test_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("accel.cli.connect.client", interrupt)
    assert main(["status"]) == 130


def test_the_socket_is_that_of_the_option_the_environment_or_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from accel.cli.connect import socket_path
    from accel.cli.parser import parse

    def path(*arguments: str) -> str:
        return str(socket_path(parse(build(), arguments)))

    monkeypatch.delenv("ACCEL_SOCKET", raising=False)
    assert path("status") == "/run/accel/accel.sock"
    monkeypatch.setenv("ACCEL_SOCKET", "/env")
    assert path("status") == "/env"
    assert path("status", "--socket", "/after") == "/after"
    assert path("--socket", "/before", "status") == "/before"
    assert path("--socket", "/before", "status", "--socket", "/after") == "/after"


def test_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    jsonschema.Draft202012Validator.check_schema(json.loads(capsys.readouterr().out))


def parts_of(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> dict[str, dict[str, object]]:
    """What `backend run` would start, and how."""
    started: list[Any] = []

    def run(parts: Sequence[Any]) -> int:
        started.extend(parts)
        return 0

    monkeypatch.setattr("accel.backend.agent.run", run)
    assert main(["backend", "run", "--interface", "lo", *arguments]) == 0
    return {part.func.__name__: part.keywords for part in started}


def test_backend_run_hands_its_options_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parts_of(monkeypatch, "--allow", "10.0.0.0/8") == {
        "Unwrapping": {
            "interface": "lo",
            "allow": ["10.0.0.0/8"],
            "gue_port": 6080,
            "addresses": [],
            "mode": "auto",
        }
    }


def test_cookies_take_their_keys_from_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    given = ("--cookies", "--keys-file", "/secret", "--key-period", "7")
    (accepting,) = parts_of(monkeypatch, *given).values()
    (source,) = cast(Any, accepting["sources"])
    assert (source.args, source.keywords) == ((Path("/secret"),), {"period": 7})


def test_cookies_take_their_keys_from_a_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    gateways = ("--gateway", "gw:7443", "--gateway", "other:7443")
    tls = ("--tls-cert", "/cert", "--tls-key", "/key", "--tls-ca", "/ca")
    parts = parts_of(monkeypatch, "--allow", "::/0", "--cookies", *gateways, *tls)
    assert list(parts) == ["Unwrapping", "Accepting"]
    first, second = cast(Any, parts["Accepting"]["sources"])
    (target, certificates), (other, same) = first.args, second.args
    assert (target, other) == ("gw:7443", "other:7443")
    assert certificates == same
    assert (certificates.certificate, certificates.key, certificates.authority) == tuple(
        map(Path, ("/cert", "/key", "/ca"))
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "--allow: is missing"),
        ("--keys-file /s", "--cookies: is missing"),
        ("--allow ::/0 --tls-ca /ca", "--cookies: is missing"),
        ("--cookies", "--keys-file or from --gateway"),
        ("--cookies --keys-file /s --gateway a:1", "--keys-file or from --gateway"),
        ("--cookies --keys-file /s --tls-ca /ca", "takes no --tls options"),
        ("--cookies --gateway a:1", "mutual TLS only"),
        ("--cookies --tls-cert /c --tls-key /k --tls-ca /a" + 5 * " --gateway a:1", "than 4 times"),
        ("--cookies --gateway a:1 --tls-cert /c --tls-key /k", "mutual TLS only"),
    ],
)
def test_backend_run_says_what_is_missing(
    given: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backend", "run", "--interface", "lo", *given.split()]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("code", [0, 7])
def test_demo_ends_as_the_lab_says(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = types.ModuleType("accel.lab.demo.acts")
    lab.main = lambda arguments: code  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "accel.lab.demo.acts", lab)
    assert main(["demo"]) == code
