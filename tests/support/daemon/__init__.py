"""Tests of the daemon: in this process with fakes, or as a process of its own."""
