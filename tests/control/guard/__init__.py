"""Tests of accel.control.guard."""
