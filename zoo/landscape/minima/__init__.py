"""Good and bad minima, and the size of their basins."""
