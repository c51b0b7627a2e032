"""Machines with the kernels that people run: Vagrant's file and scripts, and `vagrant.vm`."""
