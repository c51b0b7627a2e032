"""Virtual machines with the kernels that people run, for tests: `python -m vagrant.vm`."""
