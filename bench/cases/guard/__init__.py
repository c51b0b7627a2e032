"""What the guard costs: its own answers, and packets that it has nothing to do with."""
