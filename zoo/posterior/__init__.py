"""Posteriors: what is known after a fit, and its file."""
