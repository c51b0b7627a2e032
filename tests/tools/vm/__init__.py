"""The machines for each kernel, and what their tools do to the host."""
