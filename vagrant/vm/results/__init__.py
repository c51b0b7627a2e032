"""Which tests run in a machine, which of them it may skip, and what came of them."""
