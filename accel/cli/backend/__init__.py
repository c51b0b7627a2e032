"""accel backend and accel drain."""
