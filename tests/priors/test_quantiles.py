"""Quantiles of draws from every proper prior, against its distribution and against a wrong one.

At an empirical quantile the distribution function is p with a standard error of √(p(1-p)/S).
Deviations are measured in that unit.
"""

import cases
import numpy as np
import pyro.distributions as dist
import pytest
import torch
from monte_carlo import LIMIT, one_thread  # noqa: F401
from scipy import stats
from torch import nn

import guides
import zoo
from zoo import likelihoods, networks, plots, priors
from zoo.predictive.drawing import draw_sites

DRAWS = 20_000
PROBABILITIES = (0.05, 0.25, 0.5, 0.75, 0.95)
NETWORK = networks.MLP(4, 1, hidden=[9])
FILTERS = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(3, 1))
BEFORE = zoo.BayesianNetwork(
    NETWORK, priors.WeightPrior(dist.Normal(0.0, 1.0)), likelihoods.Gaussian(0.5)
)
WEIGHT = NETWORK.layer1.weight[0, 0].item()


def between(number):
    """Return midpoints of intervals of probability, to integrate a distribution by quantiles."""
    return (np.arange(number) + 0.5) / number


def given_scale(scales):
    """Return the distribution function of N(0, s²), averaged over scales s of equal weight."""
    return lambda x: stats.norm.cdf(np.asarray(x)[:, None] / scales).mean(-1)


def horseshoe(global_scale, slab_scale, slab_df):
    """Return scales of equal weight under the regularised horseshoe."""
    tau, local, slab = np.meshgrid(*[between(60)] * 3)
    free = stats.halfcauchy.ppf(tau) * global_scale * stats.halfcauchy.ppf(local)
    if slab_scale == np.inf:
        return free.ravel()
    slab = stats.invgamma.ppf(slab, slab_df / 2, scale=slab_df * slab_scale**2 / 2)
    return np.sqrt(slab * free**2 / (slab + free**2)).ravel()


def mixture(pi, first, second):
    return lambda x: (
        pi * stats.norm.cdf(x, scale=first) + (1 - pi) * stats.norm.cdf(x, scale=second)
    )


def weight(draws):
    return draws["layer1.weight"][:, 0, 0]


def bias(draws):
    return draws["layer2.bias"][:, 0]


def nodes(draws):
    return draws["layer2.nodes_in"][:, 3]


def tap(draws):
    return draws["0.weight"][:, 1, 1, 2, 0]


def diagonal_neighbours(draws):
    return draws["0.weight"][:, 2, 0, 1, 1] - draws["0.weight"][:, 2, 0, 2, 2]


def two_filters(draws):
    return draws["0.weight"][:, 2, 0, 1, 1] - draws["0.weight"][:, 2, 1, 1, 1]


half_normal = stats.halfnorm.ppf(between(2000))
half_cauchy = stats.halfcauchy.ppf(between(2000))
filters = priors.correlated_filters(
    0.5, lengthscale=2.0, otherwise=dist.Normal(0.0, 1.0)
)
apart = 0.5 * np.sqrt(2 - 2 * np.exp(-np.sqrt(2) / 2))

# The prior, the element that is tested, its distribution function, and a wrong one.
PRIORS = {
    "normal": (
        dist.Normal(0.0, 0.5),
        weight,
        stats.norm(scale=0.5).cdf,
        stats.norm(scale=0.25).cdf,
    ),
    "laplace": (
        dist.Laplace(0.0, 0.5),
        weight,
        stats.laplace(scale=0.5).cdf,
        stats.norm(scale=0.5**0.5).cdf,
    ),
    "student": (
        dist.StudentT(3.0, 0.0, 0.5),
        weight,
        stats.t(3, scale=0.5).cdf,
        stats.norm(scale=0.75**0.5).cdf,
    ),
    "fan-in": (
        priors.fan_in(),
        weight,
        stats.norm(scale=1 / 2).cdf,
        stats.norm(scale=1 / 4).cdf,
    ),
    "fan-in of a bias": (
        priors.fan_in(3.0),
        bias,
        stats.norm(scale=3 / 3).cdf,
        stats.norm(scale=3.0).cdf,
    ),
    "scale mixture": (
        priors.ScaleMixture(0.25, 1.0, 0.1),
        weight,
        mixture(0.25, 1.0, 0.1),
        mixture(0.75, 1.0, 0.1),
    ),
    "moped": (
        priors.moped(delta=0.5),
        weight,
        stats.norm(WEIGHT, 0.5 * abs(WEIGHT)).cdf,
        stats.norm(WEIGHT, 0.5).cdf,
    ),
    "previous": (
        priors.previous(guides.MeanField(BEFORE, init_scale=0.2)),
        weight,
        stats.norm(WEIGHT, 0.2).cdf,
        stats.norm(0.0, 1.0).cdf,
    ),
    "a scale for the layer": (
        priors.Hierarchical(dist.HalfCauchy(1.0)),
        weight,
        given_scale(half_cauchy),
        given_scale(half_cauchy**0.5),  # the scale read as a variance
    ),
    "a scale for each input": (
        priors.Hierarchical(dist.HalfNormal(1.0), by="input"),
        weight,
        given_scale(half_normal),
        given_scale(half_normal**0.5),
    ),
    "regularised horseshoe": (
        priors.RegularisedHorseshoe(0.5, slab_scale=1.0),
        weight,
        given_scale(horseshoe(0.5, 1.0, 4.0)),
        given_scale(horseshoe(0.5, np.inf, 4.0)),  # no slab
    ),
    "a horseshoe for inputs": (
        priors.RegularisedHorseshoe(0.1, slab_scale=3.0, by="input"),
        weight,
        given_scale(horseshoe(0.1, 3.0, 4.0)),
        given_scale(
            horseshoe(0.1**0.5, 3.0, 4.0)
        ),  # the global scale read as a variance
    ),
    "a tap": (filters, tap, stats.norm(scale=0.5).cdf, stats.norm(scale=0.25).cdf),
    "neighbouring taps": (
        filters,
        diagonal_neighbours,
        stats.norm(scale=apart).cdf,
        stats.norm(scale=0.5**0.5).cdf,
    ),
    "taps of two filters": (
        filters,
        two_filters,
        stats.norm(scale=0.5**0.5).cdf,
        stats.norm(scale=apart).cdf,
    ),
    "normal nodes": (
        dist.Normal(1.0, 0.3),
        nodes,
        stats.norm(1.0, 0.3).cdf,
        stats.norm(0.0, 0.3).cdf,
    ),
    "log-normal nodes": (
        dist.LogNormal(0.0, 0.5),
        nodes,
        stats.lognorm(0.5).cdf,
        stats.lognorm(0.25).cdf,
    ),
    "gamma nodes": (
        dist.Gamma(4.0, 2.0),
        nodes,
        stats.gamma(4, scale=1 / 2).cdf,
        stats.gamma(4, scale=2).cdf,
    ),
    "hierarchical nodes": (
        priors.Hierarchical(dist.HalfNormal(1.0), loc=1.0),
        nodes,
        lambda x: given_scale(half_normal)(x - 1),
        given_scale(half_normal),
    ),
}


def prior_draws(rule, element):
    prior = priors.NodePrior(rule) if element is nodes else priors.WeightPrior(rule)
    network = FILTERS if rule is filters else NETWORK
    model = zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(0.5))
    shapes = {name: each.shape() for name, each in model.latents.items()}
    return draw_sites(model, DRAWS, shapes)


def off_quantiles(values, distribution_function):
    """Return the largest deviation of quantiles of draws (S,), in standard errors."""
    p = np.array(PROBABILITIES)
    found = distribution_function(np.quantile(values.double().numpy(), p))
    return float(np.max(np.abs(found - p) / np.sqrt(p * (1 - p) / len(values))))


@pytest.mark.parametrize("name", PRIORS)
def test_quantiles_of_draws_are_those_of_the_prior(name):
    rule, element, right, wrong = PRIORS[name]
    values = element(prior_draws(rule, element))
    assert off_quantiles(values, right) < LIMIT
    assert off_quantiles(values, wrong) > 2 * LIMIT


def test_bernoulli_nodes_are_kept_with_their_probability():
    kept = nodes(prior_draws(dist.Bernoulli(0.9), nodes)).mean()
    error = (0.9 * 0.1 / DRAWS) ** 0.5
    assert abs(kept - 0.9) < LIMIT * error
    assert abs(kept - 0.1) > 2 * LIMIT * error


@pytest.mark.parametrize("prior", cases.PROPER)
def test_functions_of_every_proper_prior_are_plotted(prior):
    model = zoo.BayesianNetwork(
        networks.MLP(1, 1, hidden=[3]), cases.PRIORS[prior](), likelihoods.Gaussian(0.5)
    )
    x = torch.linspace(-2.0, 2.0, 11)
    draws = model.prior_predictive(x.unsqueeze(-1), num_samples=7).outputs[..., 0]
    from matplotlib.figure import Figure

    ax = plots.functions(x, draws, ax=Figure().add_subplot())
    assert len(ax.lines) == 7
    assert np.isfinite(ax.lines[0].get_ydata()).all()
