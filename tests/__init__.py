"""Every test. `tests/accel`, `tests/control` and `tests/bpf` mirror the folders that they test."""
