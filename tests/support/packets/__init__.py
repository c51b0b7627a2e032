"""Packet tests: the loaded program, its world, rows, clocks, and the reference model beside it."""
