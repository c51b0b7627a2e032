"""Packet tests of bpf/guard."""
