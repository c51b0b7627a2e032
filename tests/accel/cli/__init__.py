"""Tests of accel.cli."""
