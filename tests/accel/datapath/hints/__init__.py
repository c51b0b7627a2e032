"""Tests of accel.datapath.hints."""
