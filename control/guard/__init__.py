"""The guard of each service: detects attacks, chooses its action, rolls its keys."""
