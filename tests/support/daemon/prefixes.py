"""Prefixes, and a text of some, as clients of the daemon add, load and list them."""

from __future__ import annotations

from typing import Any

from accel.v1 import prefix_pb2 as pb
from accel.v1 import prefix_pb2_grpc
from tests.support.daemon.acceld import Running
from tests.support.daemon.here import Here

ALLOW, DENY = pb.PREFIX_ACTION_ALLOW, pb.PREFIX_ACTION_DENY


def stub(of: Here | Running) -> Any:
    return prefix_pb2_grpc.PrefixServiceStub(of.channel)


def prefix(text: str, action: pb.PrefixAction = DENY, **fields: Any) -> pb.Prefix:
    return pb.Prefix(prefix=text, action=action, **fields)


def add(of: Here | Running, *prefixes: pb.Prefix, **fields: Any) -> int:
    request = pb.AddPrefixesRequest(prefixes=prefixes, **fields)
    return int(stub(of).AddPrefixes(request).count)


def load(of: Here | Running, *pieces: bytes, **fields: Any) -> Any:
    messages = [pb.LoadPrefixesRequest(text=piece) for piece in pieces]
    return stub(of).LoadPrefixes(iter([pb.LoadPrefixesRequest(**fields), *messages]))


def listed(of: Here | Running) -> list[str]:
    """As in "deny 10.0.0.0/8"."""
    found = stub(of).ListPrefixes(pb.ListPrefixesRequest()).prefixes
    return [f"{'deny' if p.action == DENY else 'allow'} {p.prefix}" for p in found]


TEXT = b"""; a list
deny 192.0.2.0/24 for 2h   # why not
# a remark

allow 2001:db8::/32
198.51.100.7 ; SBL7
"""
READ = ["deny 192.0.2.0/24", "deny 198.51.100.7/32", "allow 2001:db8::/32"]
