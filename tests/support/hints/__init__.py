"""Tests of hints: clients, clocks, streams and samples."""
