"""The verdicts, from the one list that names them: bpf/maps/verdicts.h."""

from __future__ import annotations

import enum
import re

from accel.ebpf.source import BPF_DIR

_ENTRY = re.compile(r'V\((\w+), (\w+), ([01]),\s*\\?\s*"([^"]*)"\)')
_LIST: list[tuple[str, str, str, str]] = _ENTRY.findall((BPF_DIR / "maps/verdicts.h").read_text())


class Verdict(enum.IntEnum):
    """Why a packet ended as it did."""

    vars().update({entry[0]: number for number, entry in enumerate(_LIST, start=1)})

    @property
    def action(self) -> str:
        """FORWARD (as the backend's mode says), PASS, DROP or TX."""
        return _LIST[self - 1][1]

    @property
    def expected(self) -> bool:
        """True for what a healthy production shows."""
        return _LIST[self - 1][2] == "1"

    @property
    def meaning(self) -> str:
        """A sentence for the operator."""
        return _LIST[self - 1][3]

    @property
    def label(self) -> str:
        """The name in stats, metrics and the CLI."""
        return self.name.lower()

    @property
    def forward(self) -> bool:
        """True if the packet goes to a backend, which is then what it is counted for."""
        return self.action == "FORWARD"


def page() -> str:
    """docs/verdicts.md: `python -m accel.verdicts > docs/verdicts.md`."""
    rows = [
        f"| {v.label} | {v.action} | {'yes' if v.expected else 'no'} | {v.meaning} |"
        for v in Verdict
    ]
    return "\n".join([_PAGE, *rows, ""])


_PAGE = """\
# Verdicts
Every packet ends in exactly one of these, and is counted under it once, in packets and bytes.
What is FORWARDed is counted for its backend, the rest for its service, or for none.
`python -m accel.verdicts` writes this page from `bpf/maps/verdicts.h`, the only list of them.

* **FORWARD**: leaves as its backend's mode says, by XDP_TX or XDP_REDIRECT; mode `local` passes it.
* **PASS**: left to the host's own stack, byte for byte as it came.
* **TX**: answered by the gateway itself. **DROP**: the packet ends here.
* *Expected* says whether a healthy production shows it; look into the others when they rise.

| verdict | action | expected | meaning |
|---|---|---|---|"""

if __name__ == "__main__":
    print(page(), end="")
