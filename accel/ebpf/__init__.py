"""From C to a running program: compile, load, pin, attach, and what this kernel can do."""
