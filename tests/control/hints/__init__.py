"""Tests of accel.control.hints."""
