"""Tests of accel.ebpf."""
