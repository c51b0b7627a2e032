"""Tests of accel.control, folder by folder."""
