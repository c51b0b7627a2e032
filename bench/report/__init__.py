"""What becomes of the figures: results and their bars, what rounds come to, table and picture."""
