"""How fast and how small: `python -m bench`. Nothing here is installed."""
