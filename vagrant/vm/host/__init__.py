"""What the host provides: its programs, a cache, folders and namespaces that are removed again."""
