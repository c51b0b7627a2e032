"""deploy/setup.sh keeps servers from starting while it installs, and takes that back in any case.

It runs where /usr/sbin is empty and its own, with an apt-get that only says what it sees.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.tree import ROOT

pytestmark = pytest.mark.usefixtures("full_run")

POLICY = "/usr/sbin/policy-rc.d"
APT_GET = """#!/bin/sh
[ "$1" = install ] || exit 0
{body}
"""


@pytest.fixture(autouse=True)
def _needs_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, for namespaces")


def set_up(folder: Path, *, body: str = "", before: str = "") -> str:
    """What apt-get says, and then what is left of the policy."""
    programs = {"dpkg-query": "#!/bin/sh\nexit 1\n", "apt-get": APT_GET.format(body=body)}
    for name, text in programs.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    script = (
        f"mount -t tmpfs none /usr/sbin; {before}\n"
        f"PATH={folder}:/usr/bin:/bin {ROOT}/deploy/setup.sh ||:\n"
        f"cat {POLICY} 2>/dev/null || echo gone"
    )
    command = ("unshare", "--mount", "sh", "-ec", script)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.partition("\n")[2]


def test_the_policy_is_there_while_it_installs(tmp_path: Path) -> None:
    # The output of apt-get itself goes nowhere.
    log = tmp_path / "log"
    assert set_up(tmp_path, body=f"cat {POLICY} >{log}") == "gone\n"
    assert "exit 101" in log.read_text()


@pytest.mark.parametrize(
    "body", ["exit 1", "kill -TERM $PPID; sleep 1", "kill -INT $PPID; sleep 1"]
)
def test_it_goes_however_that_ends(tmp_path: Path, body: str) -> None:
    assert set_up(tmp_path, body=body) == "gone\n"


def test_what_a_killed_one_left_goes_with_the_next(tmp_path: Path) -> None:
    assert "exit 101" in set_up(tmp_path, body="kill -KILL $PPID; sleep 1")
    left = f"printf '# Of %s\\n' \"accel's deploy/setup.sh\" >{POLICY}; chmod +x {POLICY};"
    assert set_up(tmp_path, before=left) == "gone\n"


def test_the_hosts_own_policy_stays(tmp_path: Path) -> None:
    own = f"printf '#!/bin/sh\\nexit 0\\n' >{POLICY}; chmod +x {POLICY};"
    assert set_up(tmp_path, before=own) == "#!/bin/sh\nexit 0\n"
