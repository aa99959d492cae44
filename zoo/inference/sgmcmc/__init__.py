"""Stochastic-gradient MCMC: the parts of the engines `SGLD`, `SGHMC` and `SGNHT`."""
