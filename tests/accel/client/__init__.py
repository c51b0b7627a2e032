"""Tests of accel.client."""
