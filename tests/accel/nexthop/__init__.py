"""Tests of accel.nexthop."""
