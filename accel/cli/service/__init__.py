"""accel service: list, show, add, set, remove."""
