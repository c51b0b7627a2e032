"""accel agent: runs the agents of accel.agents."""
