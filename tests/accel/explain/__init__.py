"""Tests of accel.explain."""
