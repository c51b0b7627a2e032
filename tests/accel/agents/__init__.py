"""Tests of accel.agents."""
