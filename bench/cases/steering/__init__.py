"""What steering costs: a packet by kind of flow, whatever is configured; a ring; the whole path."""
