"""A packet's decision in sentences. Pure."""
