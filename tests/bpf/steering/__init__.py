"""Packet tests of bpf/steering."""
