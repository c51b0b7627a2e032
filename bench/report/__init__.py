"""What becomes of the figures: results and their bars, the table of the docs, the picture."""
