"""The command line. `main` has the table of commands; each group of them has a `register`."""
