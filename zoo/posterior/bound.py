"""The bound on the evidence: KL/N plus the expected negative log likelihood of the data."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import pyro
import torch
from torch import Tensor

from zoo.data import Batch, Batches
from zoo.likelihoods.observed import Observed
from zoo.model import BayesianNetwork
from zoo.predictive.evaluate import evaluate_draws
from zoo.predictive.prediction import Prediction
from zoo.runtime.distributions import describe, is_proper
from zoo.runtime.effects import Substitute
from zoo.runtime.half_precision import products_in
from zoo.runtime.modes import evaluation_mode
from zoo.runtime.param_scope import ScopedGuide
from zoo.runtime.programs import PyroProgram
from zoo.runtime.rows import Rows, num_rows, take
from zoo.runtime.sites import draw_with_divergence, draws_points

_NUMBERS_AT_ONCE = 2**25  # of drawn sites, 128 MiB of float32


class Bound(NamedTuple):
    r"""An upper bound on the negative log evidence per datum, in nats: lower is better.

    .. math:: \frac{KL(q \| p)}{N} - \frac1N \sum_i E_q[\log p(y_i \mid x_i, z)]
        \;\ge\; -\frac1N \log p(y_{1:N} \mid x_{1:N})

    It is the negative ELBO over N, at temperature 1 whatever the temperature of the fit.
    A prediction without training scores `zoo.diagnostics.baseline_nll(model, data)`, e.g.
    ln 10 = 2.30 for ten classes. A bound above that says nothing about the evidence.

    References:
        Keeping neural networks simple by minimizing the description length of the weights
        (Hinton, van Camp, 1993)
        Practical Variational Inference for Neural Networks (Graves, 2011)

    Arguments:
        value: The estimate, nats per datum.
        error: Its standard error over draws.

    Example:
        >>> print(Bound(0.3252, 0.0021))
        0.3252 ± 0.0021
    """

    value: float
    error: float

    def __str__(self) -> str:
        return f"{self.value:.4g} ± {self.error:.2g}"


UNEVEN = (
    "data or classes whose weights are neither 0 nor 1 have no bound: the product of powers of "
    "densities is no density; omit weights"
)


class NoBound(ValueError):
    """A posterior or data without a bound on the evidence; the message says why.

    Example:
        >>> engine = inference.SVI(model, guides.Delta(model), num_steps=5, progress=False)
        >>> engine.fit(data.train).bound(data.train)
        Traceback (most recent call last):
        zoo.posterior.bound.NoBound: Delta has no bound: a part of its entropy is omitted or ...
    """


def check_has_bound(guide: PyroProgram, model: BayesianNetwork) -> None:
    """Refuse a guide whose negative loss is no bound on the evidence.

    A guide that does not say so, e.g. one of Pyro's, has a bound unless it draws point
    masses or the prior is improper.

    Arguments:
        guide: The guide, in the scope of its parameters.
        model: The model.

    Raises:
        NoBound: It has none; the message says why.
    """
    family = type(guide).__name__
    remedy = "use a guide whose bound is True, e.g. guides.MeanField"
    for name, prior in model.latents.items():
        if not is_proper(prior):
            raise NoBound(
                f"there is no bound under an improper prior, as {describe(prior)} of site "
                f"{name!r} is; give the site a proper prior such as dist.Normal(0.0, 1.0)"
            )

    says = getattr(guide, "bound", None)
    if says is None and draws_points(guide):
        raise NoBound(
            f"{family} draws point masses, whose divergence from a prior is infinite, so there is "
            f"no bound; {remedy}"
        )

    if says is False:
        raise NoBound(
            f"{family} has no bound: a part of its entropy is omitted or infinite; {remedy}"
        )


def draw_with_divergences(
    model: BayesianNetwork,
    scoped: ScopedGuide,
    state: Mapping[str, Tensor],
    number: int,
) -> tuple[dict[str, Tensor], Tensor]:
    """Draw every latent site, (S, *shape), with KL(q || p) or its estimate, (S,).

    Arguments:
        model: The model.
        scoped: The guide.
        state: Point estimates by name, learned hyperparameters of the prior included.
        number: Number of draws S.
    """
    sites = partial(_latent_sites, model)
    rows = []
    divergences = []
    with (
        scoped.scope(),
        evaluation_mode(model.network),
        Substitute(state),
        torch.no_grad(),
        pyro.validation_enabled(False),
    ):
        for _ in range(number):
            values, kl = draw_with_divergence(sites, scoped.guide)
            rows.append(values)
            divergences.append(kl)

    draws = {}
    for name in list(rows[0]):
        draws[name] = torch.stack([row.pop(name) for row in rows])

    return model.plan.complete(model.network, draws), torch.stack(divergences)


def _latent_sites(model: BayesianNetwork) -> None:
    """Run the latent sites of a model, whose prior may have learned hyperparameters."""
    model.plan.sample(model.network, is_fit=True)
    model.likelihood.sample(model.first_parameter)


Draw = Callable[[int], tuple[dict[str, Tensor], Tensor]]
"""Draws the sites S times: (S, *shape) by name, and KL(q || p) or its estimate of each, (S,)."""


def estimate_bound(
    model: BayesianNetwork,
    state: Mapping[str, Tensor],
    data: Batches,
    num_samples: int,
    draw: Draw,
) -> Bound:
    """Return the bound and its standard error, in one pass over the data.

    Each batch gets draws of its own, so that the parts of the sum are independent.

    Arguments:
        model: The model.
        state: Point estimates, frozen weights and buffers by name.
        data: Batches of the data.
        num_samples: Number of draws S for each batch.
        draw: Draws the sites, with their divergence from the prior.

    Raises:
        NoBound: Data whose weights are neither 0 nor 1.
    """
    total = 0.0
    variance = 0.0
    num_seen = 0
    for x, y in data.epoch():
        if data.is_weighted:
            raise NoBound(UNEVEN)

        size = num_rows(x)
        terms = _terms(model, state, x, y, size / data.num_data, num_samples, draw)
        total += float(terms.mean())
        variance += float(terms.var()) / num_samples
        num_seen += size

    return Bound(total / num_seen, math.sqrt(variance) / num_seen)


def bound_of_batches(
    model: BayesianNetwork,
    state: Mapping[str, Tensor],
    batches: Sequence[Batch],
    num_data: int,
    num_samples: int,
    draw: Draw,
) -> Bound:
    """Return the bound from some batches of the data, with its error over draws and batches.

    Arguments:
        model: The model.
        state: Point estimates, frozen weights and buffers by name.
        batches: Batches (x, y); one may stand there more than once, with other draws.
        num_data: Number of data N.
        num_samples: Number of draws S for each batch.
        draw: Draws the sites, with their divergence from the prior.
    """
    values = []
    for x, y in batches:
        size = num_rows(x)
        terms = _terms(model, state, x, y, size / num_data, num_samples, draw)
        values.append(terms.mean() / size)

    each = torch.stack(values)
    error = each.std() / math.sqrt(len(each))

    return Bound(float(each.mean()), float(error))


def _terms(
    model: BayesianNetwork,
    state: Mapping[str, Tensor],
    x: Rows,
    y: Tensor | Observed,
    share: float,
    num_samples: int,
    draw: Draw,
) -> Tensor:
    """Return a batch's share of the divergence plus its negative log likelihood, (S,) in nats."""
    num_numbers = sum(prior.shape().numel() for prior in model.latents.values())
    at_once = max(1, _NUMBERS_AT_ONCE // num_numbers)
    device = model.first_parameter.device.type
    terms = []
    for begin in range(0, num_samples, at_once):
        number = min(at_once, num_samples - begin)
        with torch.autocast(device, enabled=False), products_in("float32"):
            draws, divergences = draw(number)
            log_likelihoods = log_likelihood(model, draws, state, x, y)  # (S, B)

        misfits = -log_likelihoods.double().sum(-1)
        terms.append(share * divergences.double() + misfits)

    return torch.cat(terms)


def log_likelihood(
    model: BayesianNetwork,
    draws: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
    x: Rows,
    y: Tensor | Observed,
) -> Tensor:
    """Return the log density of each draw at each observed datum, (S, B), in nats.

    Arguments:
        model: The model.
        draws: Draws (S, *shape) of every latent site.
        state: Point estimates, frozen weights and buffers by name.
        x: Inputs (B, ...).
        y: Targets (B, ...); data of weight 0 are left out.
    """
    outputs = evaluate_draws(model, draws, state, x)  # (S, B, ...)
    observed = Observed.of(y)
    if observed.has_weight is not None:
        outputs = outputs[:, observed.has_weight]
        observed = take(observed, observed.has_weight)

    prediction = Prediction(model.likelihood, outputs, draws, given=observed.given)
    return prediction.pointwise(observed.y)
