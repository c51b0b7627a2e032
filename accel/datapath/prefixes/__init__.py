"""Maps of allowed and denied prefixes."""
