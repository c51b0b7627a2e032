"""Tests of accel.datapath.prefixes."""
