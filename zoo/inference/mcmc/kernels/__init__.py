"""Markov kernels: what moves all chains by one draw."""
