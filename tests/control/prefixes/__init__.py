"""Tests of accel.control.prefixes."""
