"""Files: written whole or not at all, tried before the work, and locked by one process."""
