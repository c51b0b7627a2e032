"""The lab itself, in its namespaces: its network, its floods, and the demo."""
