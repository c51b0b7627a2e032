"""Tests of accel.model."""
