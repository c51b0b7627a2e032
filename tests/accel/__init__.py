"""Tests of accel, folder by folder."""
