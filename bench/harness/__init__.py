"""How a packet is timed: runner, programs under test, frames, CPUs, and what rounds come to."""
