"""Trajectories over planes, and moving pictures."""
