"""Tests of what is beside the product: virtual machines and benchmarks."""
