"""Tests of accel.config."""
