"""What a prediction without training scores: the number that a bound is compared with."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from zoo.data import Batch, Columns, Data, batches
from zoo.likelihoods.observed import Observed
from zoo.model import BayesianNetwork
from zoo.posterior.bound import log_likelihood
from zoo.predictive.evaluate import evaluate_draws
from zoo.predictive.prediction import Prediction
from zoo.runtime.rows import Column, first, num_rows

_MOST_DATA = 1000


def baseline_nll(
    model: BayesianNetwork,
    data: Data,
    num_samples: int = 200,
    *,
    target: str | None = None,
    weights: Column | None = None,
    num_data: int | None = None,
    **given: Column,
) -> float:
    r"""Return the negative log likelihood of a prediction without training, nats per datum.

    .. math:: \ln C \quad\text{for } C \text{ classes, else}\quad
        -\frac1N \sum_i \log \int p(y_i \mid x_i, z) \, p(z) \, dz

    It stands beside `posterior.bound(data)`. A bound above it is vacuous: the posterior
    describes the data in more nats than someone who has not seen them.

    References:
        Computing Nonvacuous Generalization Bounds for Deep (Stochastic) Neural Networks
        (Dziugaite, Roy, 2017)

    Arguments:
        model: The model.
        data: The data in any form; at most 1000 of the first batch are looked at.
        num_samples: Draws of the prior, which classes do not need.
        target: Key of the target in data that are mappings, as for `fit`.
        weights: Booleans that say which data are observed, or a key.
        num_data: Number of data N, as for `fit`.
        given: Known quantities of each datum, as for `fit`.

    Raises:
        ValueError: An improper prior, which has no draws; data that do not fit the model.

    Example:
        >>> network = networks.MLP(6, 10, hidden=[10])
        >>> prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
        >>> model = zoo.BayesianNetwork(network, prior, likelihoods.Categorical())
        >>> data = (torch.zeros(8, 6), torch.zeros(8, dtype=torch.long))
        >>> round(zoo.diagnostics.baseline_nll(model, data), 2)
        2.3
    """
    columns = Columns.of(model, target, weights, given)
    found = batches(model, data, columns=columns, num_data=num_data)
    x, y = next(found.epoch())
    if not model.whole:
        x, y = first(x, _MOST_DATA), first(y, _MOST_DATA)

    num_classes = _num_classes(model, (x, y))
    if num_classes is not None:
        return math.log(num_classes) * _targets_per_datum(model, y)

    draws = model.prior_draws(num_samples)
    of_draws = log_likelihood(model, draws, model.frozen(), x, y).double()  # (S, N)
    of_mixture = of_draws.logsumexp(0) - math.log(num_samples)

    return -float(of_mixture.sum()) / num_rows(x)


def _num_classes(model: BayesianNetwork, batch: Batch) -> int | None:
    """Return the number of classes, None for other targets."""
    x, y = first(batch, None if model.whole else 1)
    inits = model.plan.inits(model.network)
    noise_priors = model.likelihood.priors(model.first_parameter)
    noise = {name: prior.sample() for name, prior in noise_priors.items()}
    draw = {name: value.unsqueeze(0) for name, value in (inits | noise).items()}

    outputs = evaluate_draws(model, draw, {}, x)
    prediction = Prediction(model.likelihood, outputs, draw, given=Observed.of(y).given)
    if not prediction.has_classes:
        return None

    targets = Observed.of(y).y
    probs = prediction.probs
    is_binary = targets is not None and probs.shape == targets.shape

    return 2 if is_binary else probs.shape[-1]


def _targets_per_datum(model: BayesianNetwork, y: Tensor | Observed) -> float:
    """Return the number of observed targets of a datum, on average."""
    observed = Observed.of(y)
    assert observed.y is not None
    counts = model.likelihood.is_observed(observed.y)
    if counts is None:
        counts = torch.ones_like(observed.y, dtype=torch.bool)

    if observed.has_weight is not None:
        counts = counts[observed.has_weight]

    return int(counts.sum()) / num_rows(y)
