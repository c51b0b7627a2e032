"""What a machine leaves for the host to read."""

from __future__ import annotations

from vagrant.vm.machine.boot import Ran

UP = "accel-vm: up\n"
CHECK = """[
 {"name": "gateway program", "level": "ok", "found": "accepted", "fix": ""},
 {"name": "XDP links", "level": "fail", "found": "refused", "fix": "boot a newer kernel"},
 {"name": "daemon", "level": "warn", "found": "none", "fix": "start it"}
]"""
NO_SOCKETS = "this kernel makes no request sockets by a program: no bpf_sk_assign_tcp_reqsk"
JUNIT = f"""<testsuites><testsuite>
<testcase classname="tests.wire.test_modes" name="test_a"/>
<testcase classname="tests.bpf.backend.test_cookie_acceptor" name="test_b">
<skipped type="pytest.skip" message="{NO_SOCKETS}"/></testcase>
{{more}}</testsuite></testsuites>"""
FAILURE = (
    '<testcase classname="tests.wire.test_modes" name="test_c"><failure>x</failure></testcase>'
)


def part(name: str, content: str) -> str:
    return f"\n==== {name}\n{content}\n==== end\n"


def skipped(test: str, reason: str) -> str:
    file, name = test.split("::")
    return (
        f'<testcase classname="{file.removesuffix(".py").replace("/", ".")}" name="{name}">'
        f'<skipped type="pytest.skip" message="{reason}"/></testcase>'
    )


def ran(output: str, *, console: str = "", up: bool = True, timed_out: bool = False) -> Ran:
    return Ran(
        output=output,
        console=console,
        up_after=9.0 if up else None,
        seconds=99.0,
        busy=88.0,
        timed_out=timed_out,
    )


def whole(*, status: str = "0", more: str = "") -> str:
    """The output of a machine whose tests ran to their end."""
    parts = (("check", CHECK), ("junit", JUNIT.format(more=more)), ("status", status))
    return UP + "".join(part(*p) for p in parts)
