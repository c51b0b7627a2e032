"""How one packet is timed: the runner, the programs under test, their frames, and the CPUs."""
