"""Tests of accel.control.state."""
