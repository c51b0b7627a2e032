"""Tests of accel.control.api."""
