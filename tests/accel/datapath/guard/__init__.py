"""Tests of accel.datapath.guard."""
