"""What runs in a machine: the tests whose outcome depends on the kernel. The one list of them."""

from __future__ import annotations

# The order is that of what fails first. Emulation is slow: a test that starts many daemons, or
# whose outcome any kernel decides alike, is left to the host.
QUICK = (  # loading, running, attaching, adopting; and what only machines have
    "tests/accel/ebpf/test_features.py",
    "tests/bpf/test_programs.py",
    "tests/bpf/test_virtio.py",
    "tests/bpf/guard/test_retransmit.py::test_row",
    "tests/bpf/backend/test_acceptor_connections.py",
    "tests/bpf/backend/test_cookie_acceptor.py",
    "tests/accel/datapath/test_pins.py::test_flows_counts_and_services_are_adopted",
    "tests/vm/test_kernel_decap.py",
    "tests/vm/test_kernel_cookies.py",
    "tests/vm/test_vlan.py",
)
TESTS = (
    *QUICK,
    "tests/vm",
    "tests/bpf/steering/test_forward.py",
    "tests/bpf/guard/test_challenge.py",
    "tests/bpf/guard/test_cookie_local.py",
    "tests/control/gateway/test_real.py::test_an_applied_service_steers_and_survives_kill",
    "tests/wire/guard/test_cookie_local.py::test_requests_are_answered",
    "tests/wire/nexthop/test_routes_and_links.py::test_a_vlan_device",
)
VAGRANT = (  # and the demo
    "tests/accel/ebpf/test_features.py",
    "tests/accel/datapath/test_pins.py::test_flows_counts_and_services_are_adopted",
)
EACH_SECONDS = 600  # a test, and what sets it up
ALL_SECONDS = 3600  # a machine, from its start
