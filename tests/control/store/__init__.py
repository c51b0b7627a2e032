"""Tests of accel.control.store."""
