"""The gRPC API: one servicer for each service of proto/, which translates and decides nothing."""
