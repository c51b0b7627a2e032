"""accel completion: scripts for shells, made from the parser itself.

Names of services and backends are asked of the daemon while completing, and left out when it
does not answer at once.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from accel.cli.parser import Commands, Parser

_ASK = {
    "service": "service list -o name",
    "backend": "backend list -o name",
}
_INTERFACES = "command ls /sys/class/net"


def register(commands: Commands) -> None:
    """Add the command."""
    completion = commands.add_parser(
        "completion",
        help="print a completion script for bash, zsh or fish",
        epilog="examples:\n"
        "  source <(accel completion bash)          # in ~/.bashrc\n"
        "  source <(accel completion zsh)           # in ~/.zshrc, after compinit\n"
        "  accel completion fish > ~/.config/fish/completions/accel.fish",
    )
    completion.add_argument("shell", choices=tuple(_SHELLS))
    completion.command(_completion)


def _completion(options: argparse.Namespace) -> int:
    print(_SHELLS[options.shell](list(_nodes(options.build(), ()))), end="")
    return 0


@dataclass(frozen=True, kw_only=True)
class _Node:
    """A command or group: the words that lead to it, and what may follow."""

    path: tuple[str, ...]
    commands: tuple[tuple[str, str], ...]
    actions: tuple[argparse.Action, ...]

    @property
    def where(self) -> str:
        return " ".join(self.path)

    @property
    def options(self) -> list[argparse.Action]:
        return [action for action in self.actions if action.option_strings]

    @property
    def arguments(self) -> list[argparse.Action]:
        return [
            action
            for action in self.actions
            if not action.option_strings and not isinstance(action, argparse._SubParsersAction)
        ]


def _nodes(parser: Parser, path: tuple[str, ...]) -> Iterator[_Node]:
    commands: tuple[tuple[str, str], ...] = ()
    below: dict[str, Parser] = {}
    for action in parser.actions():
        if isinstance(action, argparse._SubParsersAction):
            below = dict(action.choices)
            commands = tuple((a.dest, a.help or "") for a in action._get_subactions())
    yield _Node(path=path, commands=commands, actions=tuple(parser.actions()))
    for name, child in below.items():
        yield from _nodes(child, (*path, name))


def _takes_value(action: argparse.Action) -> bool:
    return action.nargs != 0


def _completes(action: argparse.Action) -> str:
    return str(getattr(action, "completes", ""))


def _words(node: _Node) -> list[str]:
    choices = [str(c) for action in node.arguments for c in action.choices or ()]
    return [name for name, _ in node.commands] + choices


def _bash_like(nodes: list[_Node], *, follow: str, value: str, reply: str) -> list[str]:
    """The three `case` blocks that bash and zsh share: which command, which value, which words."""
    lines = [follow]
    for node in nodes:
        lines += [f"      {shlex.quote(f'{node.where}:{name}')}) " + "at=${at:+$at }$word ;;"
                  for name, _ in node.commands]  # fmt: skip
    lines += ["    esac", "  done", value]
    for node in nodes:
        for action in filter(_takes_value, node.options):
            names = "|".join(shlex.quote(f"{node.where}:{name}") for name in action.option_strings)
            lines.append(f"    {names}) {_value(action, reply)}; return ;;")
    lines += ["  esac", '  case "$at" in']
    for node in nodes:
        options = [name for action in node.options for name in action.option_strings]
        lines.append(f"    {shlex.quote(node.where)})")
        lines.append(f'      if [[ "$current" == -* ]]; then {reply} {" ".join(options)}')
        asked = "; ".join(_value(a, reply) for a in node.arguments if _completes(a))
        words = " ".join(map(shlex.quote, _words(node)))
        lines.append(f"      else {asked or f'{reply} {words}'}; fi ;;")
    return [*lines, "  esac"]


def _value(action: argparse.Action, reply: str) -> str:
    kind = _completes(action)
    if action.choices:
        return f"{reply} {' '.join(map(str, action.choices))}"
    if kind == "file":
        return "_accel_files"
    if kind == "interface":
        return f"{reply} $({_INTERFACES})"
    if kind:
        return f"{reply} $(_accel_ask {_ASK[kind]})"
    return ":"


_ASKER = """\
_accel_ask() { command accel "$@" --timeout 1 2>/dev/null; }
"""


def _bash(nodes: list[_Node]) -> str:
    body = _bash_like(
        nodes,
        follow='  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do\n    case "$at:$word" in',
        value='  case "$at:$previous" in',
        reply="_accel_reply",
    )
    return "\n".join(
        [
            "# bash completion for accel",
            _ASKER
            + '_accel_reply() { COMPREPLY=($(compgen -W "$*" -- "$current")); }\n'
            + '_accel_files() { compopt -o filenames; COMPREPLY=($(compgen -f -- "$current")); }\n'
            + "_accel() {",
            '  local at="" word current="${COMP_WORDS[COMP_CWORD]}"',
            '  local previous="${COMP_WORDS[COMP_CWORD-1]}"',
            "  COMPREPLY=()",
            *body,
            "}",
            "complete -F _accel accel",
            "",
        ]
    )


def _zsh(nodes: list[_Node]) -> str:
    body = _bash_like(
        nodes,
        follow='  for word in "${(@)words[2,CURRENT-1]}"; do\n    case "$at:$word" in',
        value='  case "$at:$previous" in',
        reply="compadd --",
    )
    return "\n".join(
        [
            "#compdef accel",
            _ASKER + "_accel_files() { _files; }\n_accel() {",
            '  local at="" word current="${words[CURRENT]}" previous="${words[CURRENT-1]}"',
            *body,
            "}",
            "compdef _accel accel",
            "",
        ]
    )


def _fish(nodes: list[_Node]) -> str:
    lines = [
        "# fish completion for accel",
        "function __accel_at",
        "  set -l at",
        "  for word in (commandline -opc)[2..-1]",
        '    contains -- (string join -- " " $at $word) '
        + " ".join(shlex.quote(node.where) for node in nodes if node.path),
        "    and set -a at $word",
        "  end",
        '  test "$at" = "$argv"',
        "end",
        "function __accel_ask; command accel $argv --timeout 1 2>/dev/null; end",
        "complete -c accel -f",
    ]
    for node in nodes:
        when = f"complete -c accel -n {shlex.quote(f'__accel_at {node.where}'.rstrip())}"
        for name, text in node.commands:
            lines.append(f"{when} -a {name} -d {_fish_text(text)}")
        for action in node.arguments:
            lines += [f"{when} -a {_fish_value(action)}"] if _fish_value(action) else []
        for action in node.options:
            lines.append(f"{when} {_fish_option(action)}")
    return "\n".join([*lines, ""])


def _fish_option(action: argparse.Action) -> str:
    words = [
        f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"
        for name in action.option_strings
    ]
    if _takes_value(action):
        words.append("-r" if _completes(action) == "file" else "-x")
        if _completes(action) == "file":
            words.append("-F")
        elif _fish_value(action):
            words.append(f"-a {_fish_value(action)}")
    return " ".join([*words, "-d", _fish_text(action.help or "")])


def _fish_value(action: argparse.Action) -> str:
    kind = _completes(action)
    if action.choices:
        return shlex.quote(" ".join(map(str, action.choices)))
    if kind == "interface":
        return shlex.quote(f"({_INTERFACES})")
    return shlex.quote(f"(__accel_ask {_ASK[kind]})") if kind in _ASK else ""


def _fish_text(help: str) -> str:
    return shlex.quote(help.split(" (default:")[0])


_SHELLS = {"bash": _bash, "zsh": _zsh, "fish": _fish}
