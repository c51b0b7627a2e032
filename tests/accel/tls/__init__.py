"""Tests of accel.tls."""
