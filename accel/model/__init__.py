"""Pure values: services, backends, guards and hints, and what is answered about them. No I/O."""
