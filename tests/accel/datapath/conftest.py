"""The loaded program, as the packet tests have it."""

from tests.bpf.conftest import loaded, rig

__all__ = ["loaded", "rig"]
