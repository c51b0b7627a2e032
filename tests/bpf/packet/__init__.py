"""Packet tests of bpf/packet."""
