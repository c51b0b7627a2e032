"""Pushed hints: requests become batches, batches are planned, stored and written to the table."""
