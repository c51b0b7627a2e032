"""Allowed and denied prefixes: checked, stored, and written to the data path."""
