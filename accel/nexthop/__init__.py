"""Where a packet for a backend leaves this host: routes, neighbours and path MTU, by netlink."""
