"""The command line, a file for each command; `python -m zoo` runs them."""
