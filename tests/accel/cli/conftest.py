"""The CLI is tested against a daemon, as the daemon's own tests have it."""

from tests.control.conftest import acceld, folder, here, limits

__all__ = ["acceld", "folder", "here", "limits"]
