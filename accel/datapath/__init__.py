"""The loaded gateway program and its maps: what user space writes and reads."""
