"""Many particles at once: annealed importance sampling, and ensembles that repel each other."""
