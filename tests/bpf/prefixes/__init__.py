"""Packet tests of bpf/prefixes."""
