"""Clients of the lab: requests, kept connections, returning TLS clients, and floods."""
