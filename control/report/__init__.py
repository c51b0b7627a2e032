"""What the daemon tells unasked: events to those who watch, and log lines."""
