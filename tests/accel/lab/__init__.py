"""Tests of accel.lab."""
