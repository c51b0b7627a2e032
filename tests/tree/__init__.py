"""The tree as a whole: lint, layout, package, docs."""
