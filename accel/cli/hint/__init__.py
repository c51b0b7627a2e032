"""accel hint and accel shard: where new connections should land, and what that brings."""
