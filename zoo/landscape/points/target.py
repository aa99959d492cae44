"""The negative log posterior of a model given data, at many weight vectors at once."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from zoo import metrics
from zoo.data import Data, full
from zoo.data.columns import are_uneven
from zoo.data.forms import DatasetParts
from zoo.inference.mcmc.density.potential import Potential
from zoo.inference.mcmc.running.results import network_state
from zoo.landscape.points.location import Location
from zoo.likelihoods.observed import Observed
from zoo.model import BayesianNetwork
from zoo.posterior.batch_norm import recomputed, statistics
from zoo.posterior.bound import log_likelihood
from zoo.predictive.evaluate import evaluate_draws
from zoo.predictive.prediction import Prediction
from zoo.priors.treatment import Frozen, Point
from zoo.runtime.network_call import copied
from zoo.runtime.rows import first, num_rows

BatchNorm = Literal["recompute", "carry"]
_NUMBERS_AT_ONCE = 2**24  # of weights, 64 MiB in float32
_POINTS_AT_ONCE = 64


class Terms(NamedTuple):
    """The two terms of the negative log posterior at S weight vectors, and the test error.

    Arguments:
        prior: Minus the log density of the prior, in nats per datum, (S,).
        loss: Minus the log likelihood of the data, in nats per datum, (S,).
        test_error: Share of wrong classes, or root mean squared error, of the test data,
            (S,); None without test data.
    """

    prior: Tensor
    loss: Tensor
    test_error: Tensor | None

    @property
    def values(self) -> Tensor:
        """The negative log posterior up to the evidence, in nats per datum, (S,)."""
        return self.prior + self.loss


class Target:
    r"""The negative log posterior of a model given data, in nats per datum.

    .. math:: L(z) = -\frac1N \log p(z) - \frac1N \sum_{i=1}^N \log p(y_i \mid f(x_i; z))

    The potential of the samplers gives the prior and the gradients; the likelihood is that of
    predictions. Sites are in unconstrained coordinates, in which every weight vector is
    possible, but the density is that of the sites themselves. Point estimates have no prior,
    so they are in the loss alone, at the values that a location has.

    Arguments:
        model: The model.
        data: The data that it is fitted to, in any form; see `zoo.data.Data`.
        test: Other data, for the test error; by default the part `data.test`, if there is one.
        batch_norm: Whether the statistics of batch normalisation are recomputed on the data at
            every weight vector, or carried along with the weights.

    Raises:
        ValueError: Learned hyperparameters, point estimates with a prior of their own, or
            discrete sites; data with uneven weights.
    """

    def __init__(
        self,
        model: BayesianNetwork,
        data: Data,
        test: Data | None = None,
        batch_norm: BatchNorm = "recompute",
    ) -> None:
        _check(model, batch_norm)
        self.model = model
        self.x, self.y = full(model, data)
        if are_uneven(self.y):
            raise ValueError(
                "a landscape needs data that count once or not at all, but some have weights "
                "that are neither 0 nor 1; omit them"
            )

        self.num_data = num_rows(self.x)
        self.test = _test_part(model, data, test)
        self.state = network_state(model)
        self.potential = potential_of(model, self.x, self.y)
        names = statistics(model.network)
        self.batch_norm: str = batch_norm if names else "none"
        self.carried = [*names, *model.plan.points]  # by a location, beside its sites

    def terms(self, at: Location) -> Terms:
        """Return the terms at several weight vectors, a chunk of them at a time.

        Arguments:
            at: Locations with q (S, P).
        """
        at_once = max(1, min(_POINTS_AT_ONCE, _NUMBERS_AT_ONCE // at.q.shape[-1]))
        parts = []
        for start in range(0, len(at.q), at_once):
            parts.append(self._terms_of_chunk(at[start : start + at_once]))

        priors, losses, errors = zip(*parts, strict=True)
        found = None if errors[0] is None else torch.cat(errors)

        return Terms(torch.cat(priors), torch.cat(losses), found)

    def draws(self, at: Location) -> dict[str, Tensor]:
        """Return sites, point estimates and moving buffers at locations, (S, *shape) by name."""
        values, _ = self.potential.unpack(at.q)
        values = self.model.plan.complete(self.model.network, values)
        values |= at.buffers
        if self.batch_norm != "recompute":
            return values

        return values | recomputed(self.model, values, self.state, self.x)

    def negative_log_prior(self, q: Tensor) -> Tensor:
        """Return minus the log density of all sites, (S,) in nats, at q (S, P)."""
        alone = self.potential.on()
        with alone.program.running():
            energies = alone.energies(q)

        _, jacobian = alone.unpack(q)

        return energies + jacobian

    def _terms_of_chunk(self, at: Location) -> Terms:
        """Return the terms at a few weight vectors."""
        draws = self.draws(at)
        prior = self.negative_log_prior(at.q)

        pointwise = log_likelihood(self.model, draws, self.state, self.x, self.y)
        misfit = -pointwise.flatten(1).double().sum(-1)
        loss = (misfit / self.num_data).to(prior)

        return Terms(prior / self.num_data, loss, self._test_errors(draws))

    def _test_errors(self, draws: Mapping[str, Tensor]) -> Tensor | None:
        """Return the error of each draw on the test data, (S,)."""
        if self.test is None:
            return None

        x, y = self.test
        observed = Observed.of(y)
        outputs = evaluate_draws(self.model, draws, self.state, x)
        prediction = Prediction(
            self.model.likelihood, outputs, draws, given=observed.given
        )

        errors = []
        for values in prediction.functions:
            errors.append(error_of(values, observed.y, prediction.has_classes))

        return torch.stack(errors)


def error_of(values: Tensor, y: Any, has_classes: bool) -> Tensor:
    """Return the share of wrong classes, or the root mean squared error."""
    if has_classes:
        return 1 - metrics.accuracy(values, y)

    return metrics.rmse(values, y)


def _test_part(
    model: BayesianNetwork, data: Data, test: Data | None
) -> tuple[Any, Any] | None:
    """Return inputs and targets of the test data, None without any."""
    if test is None and isinstance(data, DatasetParts):
        test = data.test

    return None if test is None else full(model, test)


def potential_of(model: BayesianNetwork, x: Any, y: Any) -> Potential:
    """Return the potential of the samplers; what becomes of batch normalisation is said here.

    Its likelihood has the network's own values of point estimates.
    """
    if model.plan.points:
        model = _frozen(model)

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the network has batch normalisation")

        return Potential(model, first(x, 2), first(y, 2))


def _check(model: BayesianNetwork, batch_norm: str) -> None:
    """Refuse a model with priors that are not in its density, and a wrong name."""
    if batch_norm not in ("recompute", "carry"):
        raise ValueError(
            f"batch_norm must be 'recompute' or 'carry', not {batch_norm!r}"
        )

    names = list(model.plan.learned(model.network))
    for name, treatment in model.plan.weights.items():
        if isinstance(treatment, Point) and treatment.prior is not None:
            names.append(name)

    if names:
        listed = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        raise ValueError(
            "a landscape needs the prior of every tensor in its density, but this model has "
            f"estimates with priors of their own, {listed}; write the distribution in place of "
            "priors.Point, priors.Learned.fixed(posterior), or priors.Frozen()"
        )


def _frozen(model: BayesianNetwork) -> BayesianNetwork:
    """Return a copy of a model that keeps its point estimates at the network's values."""
    weights = dict(model.plan.weights)
    for name in model.plan.points:
        weights[name] = Frozen()

    copy = copied(model)
    copy.plan = replace(model.plan, weights=weights)

    return copy
