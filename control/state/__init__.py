"""The desired state as values, and how a write changes it. Pure."""
