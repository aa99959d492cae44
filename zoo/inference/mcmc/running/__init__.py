"""A run of a sampler: initial positions, stored draws, checkpoints, information."""
