"""Samplers of this package and of others on five posteriors, at equal budgets."""
