"""The tools beside the gateway: machines for each kernel, and what they do to the host."""
