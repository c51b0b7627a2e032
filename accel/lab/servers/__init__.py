"""Servers on the lab's backends: nginx, HAProxy, a datagram echo, and their certificates."""
