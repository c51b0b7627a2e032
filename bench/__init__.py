"""How fast and how small the gateway is: `python -m bench`. Nothing here is installed."""
