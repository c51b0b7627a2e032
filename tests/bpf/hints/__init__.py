"""Packet tests of bpf/hints."""
