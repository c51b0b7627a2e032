"""What is measured: each case is a function that yields figures, and a line in bench.registry."""
