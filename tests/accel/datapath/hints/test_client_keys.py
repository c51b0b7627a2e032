"""The hash that clients' hints are found by: neighbours are spread, whatever the secret key."""

from __future__ import annotations

from ipaddress import ip_address

import numpy as np
import pytest

from accel.datapath.hints.client_keys import ClientKeys
from accel.datapath.hints.table import STEPS, WAYS

SERVICE = 3
CLIENTS = 1024
KEYS = 2000  # random ones: by the lower half one of a thousand spread neighbours badly


@pytest.mark.parametrize("first", ["10.0.0.0", "2001:db8::"])
def test_consecutive_clients_find_room_with_any_key(first: str) -> None:
    address = ip_address(first)
    number, step = int(address), 1
    if address.version == 4:
        number |= 0xFFFF << 32
    else:
        step = 1 << 64  # a /64 each
    clients = [number + i * step for i in range(CLIENTS)]
    high = np.array([c >> 64 for c in clients], np.uint64)
    low = np.array([c & (1 << 64) - 1 for c in clients], np.uint64)
    drawn = np.random.default_rng(7)
    for _ in range(KEYS):
        flow_keys = drawn.integers(0, 1 << 64, (2, 7), np.uint64)
        hashes = ClientKeys(flow_keys, SERVICE + 1).of_service(SERVICE, high, low)
        buckets = (hashes % np.uint64(CLIENTS)).astype(np.int64)
        counts = np.bincount(buckets, minlength=CLIENTS)
        around = np.convolve(np.concatenate((counts, counts[: STEPS - 1])), np.ones(STEPS), "valid")
        assert around.max() <= STEPS * WAYS
