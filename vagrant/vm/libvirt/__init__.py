"""Vagrant's machines: the box they start from, and a libvirt of our own that tests them."""
