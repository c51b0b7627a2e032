"""accel explain: what would happen to a packet, and why."""
