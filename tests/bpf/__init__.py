"""Packet tests of the loaded programs, by BPF_PROG_TEST_RUN, in the folders of bpf/."""
