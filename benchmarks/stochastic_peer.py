"""The SGHMC of the package posteriors (0.1.3) on the targets of `inference.SGHMC`.

Its step size ε is the root of our learning rate η, its friction is ours over ε, and its
temperature 1/N for a log posterior per datum: momenta and noise are then equal to ours. It
moves positions by the momenta of the step before, ours by the present ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

import zoo
from zoo import datasets, inference, likelihoods, networks, priors
from zoo.reports.table import Cell

ABSENT = "posteriors is not installed: pip install posteriors==0.1.3"
COLUMNS = ("rate times curvature", "engine", "variance", "error", "mean off", "step ms")
FRICTION = 0.1
PRODUCTS = (0.01, 0.03, 0.08)  # learning rate times the largest curvature per datum
NUM_CHAINS = 64
NUM_STEPS = 4_000
_PROBLEM = datasets.toy.linear(num_data=20, num_inputs=2)

Parameters = dict[str, Tensor]
LogPosterior = Callable[[Parameters, Any], tuple[Tensor, Tensor]]


def is_installed() -> bool:
    """Return whether the package is there."""
    return find_spec("posteriors") is not None


def stepper(
    log_posterior: LogPosterior,
    parameters: Parameters,
    rate: float,
    num_data: int,
    batches: Iterator[Any],
) -> Callable[[], Parameters]:
    """Return a function that takes a step of the peer's chain, in place.

    Arguments:
        log_posterior: The log posterior per datum, and a tensor besides it.
        parameters: Where the chain begins, by name.
        rate: The learning rate η.
        num_data: Number of data N.
        batches: The batches.
    """
    import posteriors

    size = rate**0.5
    transform = posteriors.sgmcmc.sghmc.build(
        log_posterior, lr=size, alpha=FRICTION / size, temperature=1 / num_data
    )
    state = transform.init(parameters, momenta=0.0)

    def step() -> Parameters:
        nonlocal state
        state, _ = transform.update(state, next(batches), inplace=True)
        return state.params

    return step


def network_step(
    network: nn.Module, batches: Iterator[Any], num_data: int
) -> Callable[[], Parameters]:
    """Return a step of the peer on a network of classes with a standard normal prior."""
    network = network.eval()
    parameters = {name: p.detach().clone() for name, p in network.named_parameters()}
    buffers = dict(network.named_buffers())

    def log_posterior(values: Parameters, batch: Any) -> tuple[Tensor, Tensor]:
        x, y = batch
        logits = functional_call(network, values | buffers, (x,))
        squares = sum(value.square().sum() for value in values.values())
        loss = functional.cross_entropy(logits, y) + 0.5 * squares / num_data
        return -loss, logits

    return stepper(log_posterior, parameters, 1e-4, num_data, batches)


def against_regression() -> list[tuple[Cell, ...]]:
    """Return variance, errors and time of both on conjugate regression, at several rates."""
    rows: list[tuple[Cell, ...]] = []
    precision = torch.linalg.inv(_PROBLEM.exact.covariance)
    curvature = float(torch.linalg.eigvalsh(precision).max()) / len(_PROBLEM.train.x)
    for product in PRODUCTS:
        rate = product / curvature
        for name, sample in {"zoo": _ours, "posteriors": _theirs}.items():
            pyro.set_rng_seed(0)
            began = time.process_time()
            draws = sample(rate)
            seconds = (time.process_time() - began) / NUM_STEPS
            rows.append((product, name, *_scores(draws), 1e3 * seconds))

    return rows


def _ours(rate: float) -> Tensor:
    """Return draws of three coefficients from all data at each step, (C, S, 3)."""
    network = networks.MLP(2, 1, hidden=[])
    prior = priors.WeightPrior(dist.Normal(0.0, _PROBLEM.prior_scale))
    model = zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(_PROBLEM.noise))
    engine = inference.SGHMC(
        model,
        num_epochs=NUM_STEPS,
        lr=rate,
        friction=FRICTION,
        num_chains=NUM_CHAINS,
        compile=False,
        progress=False,
    )
    draws = engine.fit(_PROBLEM.train).draws
    parts = [draws["layer1.weight"].flatten(2), draws["layer1.bias"].flatten(2)]

    return torch.cat(parts, -1).double()


def _theirs(rate: float) -> Tensor:
    """Return draws of the same coefficients by the peer, whose chains are one parameter."""
    x, y = _PROBLEM.train
    x = torch.cat([x, torch.ones(len(x), 1)], 1)
    variance, scale = _PROBLEM.noise**2, _PROBLEM.prior_scale

    def log_posterior(values: Parameters, batch: Any) -> tuple[Tensor, Tensor]:
        weights = values["weights"]  # (C, 3)
        squares = (y.T - weights @ x.T).square().sum() / variance
        squares = squares + weights.square().sum() / scale**2
        return -0.5 * squares / len(x), weights

    begin = {"weights": torch.zeros(NUM_CHAINS, 3)}
    step = stepper(log_posterior, begin, rate, len(x), iter(lambda: None, 0))
    draws = []
    for number in range(NUM_STEPS):
        weights = step()["weights"]
        if number >= NUM_STEPS // 2:
            draws.append(weights.clone())

    return torch.stack(draws, 1).double()


def _scores(draws: Tensor) -> tuple[float, float, float]:
    """Return the variance over the exact one, its error and that of the mean, in scales."""
    precision = torch.linalg.inv(_PROBLEM.exact.covariance)
    values, axes = torch.linalg.eigh(precision)
    away = (draws - _PROBLEM.exact.mean) @ axes * values.sqrt()
    shares = away.square().mean((0, 1))
    means = away.mean((0, 1))

    return (
        float(shares.mean()),
        float((shares - 1).abs().mean()),
        float(means.abs().mean()),
    )
