"""Tests of accel.datapath."""
