"""Agents beside a proxy, which report its warm connections to the gateways."""
