"""`make demo`: the acts, the scene, and how they are drawn on the terminal."""
