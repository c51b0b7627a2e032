"""Maps of the guard: what it does for each service now, its keys, and what it has counted."""
