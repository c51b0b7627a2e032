"""One machine in QEMU, from its first instruction to its end, and several side by side."""
