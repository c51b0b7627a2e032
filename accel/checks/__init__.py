"""The preflight behind `accel check`: what the gateway needs of this host, found by trying it."""
