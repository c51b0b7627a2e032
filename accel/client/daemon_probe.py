"""Whether a daemon listens at a socket, and if not, why."""

from __future__ import annotations

import os
import socket as sockets
from pathlib import Path

from accel.errors import UnreachableError


def unreachable(socket: Path) -> UnreachableError | None:
    """Why no daemon answers at `socket`, or None if one accepts connections there."""
    start = "start it (systemctl start acceld), or name its socket with --socket or ACCEL_SOCKET"
    with sockets.socket(sockets.AF_UNIX) as probe:
        try:
            probe.connect(os.fspath(socket))
        except PermissionError:
            return UnreachableError(
                f"no permission to use {socket}",
                hint="run this as root, or as a member of the group that owns its directory",
            )
        except FileNotFoundError:
            return UnreachableError(f"no daemon: {socket} does not exist", hint=start)
        except ConnectionRefusedError:
            return UnreachableError(f"no daemon listens at {socket}", hint=start)
        except OSError as error:
            return UnreachableError(f"{socket} cannot be used: {error.strerror}", hint=start)
    return None
