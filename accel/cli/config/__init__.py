"""accel apply, diff, export, schema and watch: the whole desired state, and how it changes."""
