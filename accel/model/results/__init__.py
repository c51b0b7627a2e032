"""What is answered about services, guards and hints: status, counts, explanations, reports."""
