"""Simulation-based calibration: the ranks of true values among the draws of an engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pyro
import torch
from pyro import poutine
from torch import Tensor

from zoo.diagnostics.ranks import Ranks
from zoo.likelihoods.likelihood import is_noise_site
from zoo.model import BayesianNetwork
from zoo.posterior.posterior import Posterior
from zoo.predictive.evaluate import evaluate_draws
from zoo.predictive.prediction import Prediction
from zoo.runtime.progress import bar
from zoo.runtime.rows import first
from zoo.runtime.turn import turn


def sbc(
    model: BayesianNetwork,
    fit: Callable[[tuple[Tensor, Tensor]], Posterior],
    x: Tensor,
    functions_at: Tensor | None = None,
    *,
    num_simulations: int = 200,
    num_samples: int = 99,
    progress: bool = True,
) -> Ranks:
    r"""Test an engine on data whose truth is drawn from the prior, many times.

    .. math::
        z^* \sim p(z), \quad y \sim p(y \mid z^*), \quad z_1, \dots, z_S \sim q(z \mid y): \quad
        \#\{ s: g(z_s) < g(z^*) \} \sim \text{Uniform}\{0, \dots, S\}

    The quantities g are function values, the noise, and the log likelihood of the data,
    which detects faults that the others do not. Single weights are not ranked, because
    hidden units can be permuted.

    References:
        Validating Bayesian Inference Algorithms with Simulation-Based Calibration
        (Talts, Betancourt, Simpson, Vehtari, Gelman, 2018)
        Simulation-Based Calibration Checking for Bayesian Computation: The Choice of Test
        Quantities Shapes Sensitivity
        (Modrák, Moon, Kim, Bürkner, Huurre, Faltejsková, Gelman, Vehtari, 2023)
        Graphical test for discrete uniformity and its applications in goodness-of-fit evaluation
        and multiple sample comparison (Säilynoja, Bürkner, Vehtari, 2022)

    Arguments:
        model: A model without point estimates.
        fit: Fits simulated data (x, y): a sampler's `fit`, or a function that makes a
            fresh guide and fits it.
        x: Inputs (N, ...) of the simulated data.
        functions_at: Inputs at which functions are ranked; by default the first three
            of x.
        num_simulations: Number of simulations L.
        num_samples: Number of draws S of each posterior, thinned to be nearly
            independent.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: A model with point estimates, which have no prior to draw from.

    Example:
        >>> linear = zoo.references.linear()
        >>> def fit(simulated):
        ...     guide = guides.FullRank(linear.model)
        ...     engine = inference.SVI(linear.model, guide, num_steps=5, progress=False)
        ...     return engine.fit(simulated)
        >>> short = {"num_simulations": 3, "num_samples": 9, "progress": False}
        >>> sorted(zoo.diagnostics.sbc(linear.model, fit, linear.data.train.x, **short).ranks)
        ['f[0]', 'f[1]', 'f[2]', 'log likelihood']
    """
    points = [*model.plan.points, *model.plan.learned(model.network)]
    if points:
        names = ", ".join(points[:3])
        raise ValueError(
            f"calibration draws the truth from the prior, but the point estimates {names} have "
            "no prior; give them a distribution, or write weights=priors.Frozen()"
        )

    few = x if model.whole else first(x, 3)
    ranked_at = few if functions_at is None else functions_at
    found: dict[str, list[Tensor]] = {}
    with bar(num_simulations, "simulations", progress) as shown:
        for _ in range(num_simulations):
            ranks = _simulate(model, fit, x, ranked_at, num_samples)
            for name, rank in ranks.items():
                found.setdefault(name, []).append(rank)
            shown.update()

    stacked = {name: torch.stack(ranks).cpu() for name, ranks in found.items()}
    return Ranks(stacked, num_samples)


def _simulate(
    model: BayesianNetwork,
    fit: Callable[[tuple[Tensor, Tensor]], Posterior],
    x: Tensor,
    functions_at: Tensor,
    num_samples: int,
) -> dict[str, Tensor]:
    """Draw a truth and data, fit, and return the rank of the truth by quantity."""
    truth, y = _simulated_data(model, x)
    posterior = fit((x, y))

    state = model.frozen()
    for name, buffer in model.network.named_buffers():
        state[name] = buffer.detach()

    true = _quantities(model, truth, state, x, y, functions_at)

    draws = posterior.sample(num_samples)
    drawn = _quantities(model, draws, posterior.state, x, y, functions_at)

    ranks = {}
    for name, value in true.items():
        is_below = drawn[name] < value
        ranks[name] = is_below.sum(0)

    return ranks


def _simulated_data(
    model: BayesianNetwork, x: Tensor
) -> tuple[dict[str, Tensor], Tensor]:
    """Draw the latent sites (1, *shape) and the targets (N, ...) of inputs."""
    with turn(), torch.no_grad(), pyro.validation_enabled(False):
        sites: dict[str, Any] = poutine.trace(model).get_trace(x).nodes

    truth = {}
    for name in model.latents:
        value = sites[name]["value"]
        truth[name] = value.unsqueeze(0)

    return truth, sites["likelihood:y"]["value"]


def _quantities(
    model: BayesianNetwork,
    draws: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
    x: Tensor,
    y: Tensor,
    functions_at: Tensor,
) -> dict[str, Tensor]:
    """Return the quantities that are ranked, (S,) each, of draws (S, ...)."""
    outputs = evaluate_draws(model, draws, state, functions_at)
    prediction = Prediction(model.likelihood, outputs, draws)
    functions = prediction.functions.flatten(1)  # (S, M)

    found = {}
    for number, values in enumerate(functions.T):
        found[f"f[{number}]"] = values

    for name, value in draws.items():
        is_noise = is_noise_site(name)
        if is_noise and value.dim() == 1:
            found[name] = value

    outputs = evaluate_draws(model, draws, state, x)
    prediction = Prediction(model.likelihood, outputs, draws)
    pointwise = prediction.pointwise(y)  # (S, N)
    found["log likelihood"] = pointwise.sum(-1)

    return found
