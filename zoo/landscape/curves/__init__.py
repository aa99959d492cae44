"""Curves and simplexes of low negative log posterior."""
