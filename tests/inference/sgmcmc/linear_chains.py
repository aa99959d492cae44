"""Linear regression with a known posterior, and what a chain of a finite step draws from."""

import pyro
import pyro.distributions as dist
import torch

import zoo
from zoo import datasets, likelihoods, networks, posterior, priors

LINEAR = datasets.toy.linear(num_data=20, num_inputs=2)
EXACT = LINEAR.exact
PRECISION = torch.linalg.inv(EXACT.covariance)


def build():
    network = networks.MLP(2, 1, hidden=[])
    prior = priors.WeightPrior(dist.Normal(0.0, LINEAR.prior_scale))
    return zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(LINEAR.noise))


def exact_draws(num_draws):
    """Return independent draws of the posterior, as the start of so many chains."""
    law = torch.distributions.MultivariateNormal(EXACT.mean, EXACT.covariance)
    draws = law.sample((1, num_draws)).float()
    weight, bias = draws[..., None, :2], draws[..., 2:]
    values = {"layer1.weight": weight, "layer1.bias": bias}
    return posterior.DrawsPosterior(build(), draws=values, state={}, info=None)


def fit(kind, batch_size=None, seed=0, **options):
    pyro.set_rng_seed(seed)
    usual = {"num_chains": 2, "compile": False, "progress": False}
    return kind(build(), **usual | options).fit(LINEAR.train, batch_size=batch_size)


def fit_many(kind, batch_size=None, num_epochs=200, **options):
    """Run 128 chains from draws of the posterior, and let them forget it for 60 epochs."""
    pyro.set_rng_seed(1)
    many = {"num_chains": 128, "init": exact_draws(128), "num_epochs": num_epochs}
    return fit(kind, batch_size, **many | {"burn_in": 60} | options)


def coefficients(posterior):
    """Return the draws of the three coefficients by chain, (C, S, 3)."""
    draws = posterior.draws
    parts = [draws["layer1.weight"].flatten(2), draws["layer1.bias"].flatten(2)]
    return torch.cat(parts, -1).double()


def along_axes(posterior):
    """Return draws minus the exact mean along the axes of the posterior, in its scales."""
    values, axes = torch.linalg.eigh(PRECISION)
    return (coefficients(posterior) - EXACT.mean) @ axes * values.sqrt()


def means(posterior):
    """Return the mean along each axis in exact scales, and its error over chains."""
    return _over_chains(along_axes(posterior))


def variances(posterior):
    """Return the variance along each axis as a share of the exact one, and its error."""
    return _over_chains(along_axes(posterior).square())


def _over_chains(values):
    of_chains = values.mean(1)
    return of_chains.mean(0), of_chains.std(0) / len(of_chains) ** 0.5


def curvatures():
    """Return the curvature of the potential per datum along each axis."""
    return torch.linalg.eigvalsh(PRECISION) / 20
