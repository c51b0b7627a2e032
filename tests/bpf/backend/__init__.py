"""Packet tests of bpf/backend."""
