"""Tests of the CLI: what a command leaves, and what it is given."""
