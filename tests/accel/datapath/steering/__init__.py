"""Tests of accel.datapath.steering."""
