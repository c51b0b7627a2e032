"""Tests of accel.backend."""
