"""accel guard: status, settings and samples."""
