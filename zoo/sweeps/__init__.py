"""Sweeps: every combination of networks, priors, guides and engines, in one table."""
