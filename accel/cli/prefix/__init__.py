"""accel prefix: allowed and denied prefixes."""
