"""Adversarial chains: posteriors of generators and discriminators, each given the other."""
