"""The command line without a daemon: arguments, help, exit codes, and what it imports."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import types
from pathlib import Path
from typing import Any, cast

import jsonschema
import pytest

from accel import errors
from accel.cli import exits
from accel.cli.endpoint import backend_name, end, target
from accel.cli.gateway.interfaces import duration
from accel.cli.main import GROUPS, build, groups_of, main
from accel.errors import AccelError, InvalidError
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


@pytest.mark.parametrize("command", ["accel --help", "import accel.cli.main"])
def test_start_up_imports_nothing_heavy(command: str) -> None:
    run = "main(['--help'])" if "help" in command else "build()"
    script = (
        "import sys, contextlib\n"
        "from accel.cli.main import build, main\n"
        f"with contextlib.suppress(SystemExit): {run}\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = set(done.stderr.split())
    assert "accel.cli.main" in loaded
    heavy = {"bcc", "numpy", "scapy", "pyroute2", "grpc", "google.protobuf", "yaml", "asyncio"}
    assert loaded & heavy == set()


def test_version_imports_next_to_nothing() -> None:
    """What every call pays for: at most 25 modules of ours, and nothing that is slow to load."""
    script = (
        "import sys, contextlib\n"
        "from accel.cli.main import main\n"
        "with contextlib.suppress(SystemExit): main(['--version'])\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = set(done.stderr.split())
    assert done.stdout.startswith("accel ")
    assert len([name for name in loaded if name.split(".")[0] == "accel"]) <= 25
    assert not loaded & {"bcc", "grpc", "numpy", "yaml", "scapy", "pyroute2", "google.protobuf"}


def test_a_command_imports_its_own_group() -> None:
    """The table of groups names just the commands that their modules register."""
    everything = cast(Any, build())._subparsers._group_actions[0].choices
    found = []
    for group, commands in GROUPS.items():
        assert groups_of([commands[-1], "--help"]) == [group]
        registered = cast(Any, build([group]))._subparsers._group_actions[0].choices
        assert tuple(registered) == commands
        found += registered
    assert found == list(everything)


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
    monkeypatch.setattr("accel.backend.agent.run", lambda parts: started.extend(parts) or 0)
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


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("192.0.2.1:443", ("192.0.2.1", 443)),
        ("[2001:db8::1]:0", ("2001:db8::1", 0)),
        ("192.0.2.1:65535", ("192.0.2.1", 65535)),
    ],
)
def test_ends_of_connections(text: str, where: tuple[str, int]) -> None:
    address, port = end(text, "--from")
    assert (str(address), port) == where


@pytest.mark.parametrize(
    "text",
    [
        *("", ":1", "[]:1", "192.0.2.1", "192.0.2.1:", "192.0.2.1:8O", "192.0.2:80", "host:80"),
        *(
            "192.0.2.1:65536",
            "192.0.2.1:99999",
            "2001:db8::1:80",
            "[192.0.2.1]:80",
            "[2001:db8::1]",
        ),
    ],
)
def test_ends_that_are_none(text: str) -> None:
    with pytest.raises(InvalidError) as caught:
        end(text, "--from")
    assert caught.value.field == "--from"
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "service", "address", "port", "protocol"),
    [
        ("api", "api", None, 0, None),
        ("api.v1-2_3", "api.v1-2_3", None, 0, None),
        ("dns:53", "dns", None, 53, None),
        ("192.0.2.1:443", "", "192.0.2.1", 443, "TCP"),
        ("192.0.2.1:443/udp", "", "192.0.2.1", 443, "UDP"),
        ("[2001:db8::1]:53/tcp", "", "2001:db8::1", 53, "TCP"),
    ],
)
def test_targets(
    text: str, service: str, address: str | None, port: int, protocol: str | None
) -> None:
    found = target(text, "--to")
    assert (found.service, found.port) == (service, port)
    assert (str(found.address) if found.address else None) == address
    assert (found.protocol.name if found.protocol else None) == protocol


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("192.0.2.1", "has no port"),
        ("2001:db8::1", "has no port"),
        ("192.0.2.1/tcp", "has no port"),
        ("192.0.2.1:443/sctp", "'sctp' is neither tcp nor udp"),
        ("api/b1", "'b1' is neither tcp nor udp"),
        ("API", "is not a name"),
        ("dns:65536", "is not a port"),
        ("dns:x", "is not a port"),
        ("", "is missing"),
    ],
)
def test_targets_that_are_none(text: str, says: str) -> None:
    with pytest.raises(InvalidError, match=re.escape(says)):
        target(text, "--to")


def test_backend_names() -> None:
    assert backend_name("api/b.1") == ("api", "b.1")
    for text in ("api", "/b", "api/", "api/b/c", ""):
        with pytest.raises(InvalidError):
            backend_name(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (7, "7s"), (67, "1m 7s"), (3600, "1h"), (90061, "1d 1h"), (86400 * 40, "40d")],
)
def test_durations(seconds: int, text: str) -> None:
    assert duration(seconds) == text
