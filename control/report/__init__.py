"""What the daemon tells of itself: counters, explanations, events, log lines."""
