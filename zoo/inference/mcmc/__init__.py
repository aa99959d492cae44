"""Markov chain Monte Carlo: HMC, NUTS, ChEES and microcanonical Langevin dynamics."""
