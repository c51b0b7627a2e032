"""accel attach, detach, status, stats, check and demo: the gateway as a whole."""
