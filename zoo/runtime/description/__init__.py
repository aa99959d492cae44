"""Objects as text and hashes, the same in every process, by which runs are compared."""
