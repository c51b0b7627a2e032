"""Tests of accel.control.gateway."""
