"""Curvature and flatness at a fit."""
