"""Configuration as text: YAML to model and back, and lists of hints and prefixes."""
