"""What is kept on disk: SQLite tables of objects, prefixes and pushed hints."""
