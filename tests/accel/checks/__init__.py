"""Tests of accel.checks."""
