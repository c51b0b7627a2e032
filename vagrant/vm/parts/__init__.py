"""What a machine starts from, made once and kept: kernels, the root file system, the checkout."""
