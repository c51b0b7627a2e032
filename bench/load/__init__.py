"""Who connects: clients as cases send them, without anything about what serves them."""
