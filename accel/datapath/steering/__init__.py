"""Maps that steer a new flow: services, their rings, and the backends."""
