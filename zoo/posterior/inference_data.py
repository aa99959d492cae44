"""Conversion of a posterior to ArviZ's container."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import numpy as np
from torch import Tensor

from zoo.data import Data, full
from zoo.likelihoods.likelihood import is_noise_site
from zoo.likelihoods.observed import Observed
from zoo.model import BayesianNetwork
from zoo.posterior.info import MCMCInfo, RunInfo
from zoo.posterior.labelled import labelled
from zoo.predictive.evaluate import evaluate_draws
from zoo.predictive.inputs import place_inputs
from zoo.predictive.prediction import Prediction
from zoo.runtime.rows import Column, Rows

if TYPE_CHECKING:
    from zoo.posterior.labelled import Labelled

_STATISTICS = (
    "acceptance_rate",
    "diverging",
    "n_steps",
    "lp",
    "energy",
    "tree_depth",
    "reached_max_tree_depth",
)
Arrays = dict[str, np.ndarray]


class Convertible(Protocol):
    """What the conversion reads of a posterior."""

    model: BayesianNetwork
    info: RunInfo | None

    @property
    def num_chains(self) -> int | None:
        """Number of chains, None for a guide."""

    @property
    def has_network(self) -> bool:
        """Whether the model has a network to predict with."""

    def sample_all(self, num_new: int) -> dict[str, Tensor]:
        """Return all stored draws, or new ones of a guide."""

    def predict_with(
        self, draws: Mapping[str, Tensor], x: Rows, **given: Column
    ) -> Prediction:
        """Predict at inputs with given draws."""


def to_arviz(
    posterior: Convertible,
    data: Data | None = None,
    num_samples: int | None = None,
    weights: bool = True,
    x: Rows | None = None,
    num_prior_samples: int = 0,
) -> Labelled:
    """Convert a posterior to ArviZ's InferenceData (0.23) or DataTree (1.x).

    Groups: `posterior` (every site); `log_likelihood` and `posterior_predictive`
    (variable `y`, pointwise) and `observed_data` if there are data; `sample_stats` from
    a sampler; `prior` and `prior_predictive` if draws of the prior are asked for. A
    posterior of a Pyro program has `posterior` and `sample_stats` alone.

    With inputs `x`, `posterior` has function values `f` too. They are what
    `az.plot_trace`, `az.plot_rank` and `az.summary` should look at: the weights of a
    network can move among permutations of hidden units that leave the function as it
    is.

    `az.loo` reweights draws as if they came from the posterior. Draws from a guide come
    from q instead, so the result is the leave-one-out score of q, and it is too good if
    q is too narrow. Its Pareto k diagnostic measures the reweighting between data, not
    the distance from q to the posterior.

    References:
        ArviZ a unified library for exploratory analysis of Bayesian models in Python
        (Kumar et al., 2019)
        Practical Bayesian model evaluation using leave-one-out cross-validation and WAIC
        (Vehtari et al., 2017)

    Arguments:
        posterior: The posterior.
        data: Inputs and targets; None omits the groups that need them.
        num_samples: Draws from a guide, 1000 by default, as one chain; a sampler gives
            all it has.
        weights: Whether to include draws of weights and nodes; False for a large
            network.
        x: Inputs (M, ...) at which function values `f` (C, S, M, ...) are included.
        num_prior_samples: Number of draws of the prior.

    Example:
        >>> results = to_arviz(posterior, data.train, num_samples=20)
        >>> results.posterior["layer1.weight"].shape
        (1, 20, 10, 6)
    """
    num_chains = posterior.num_chains or 1
    draws = posterior.sample_all(1000 if num_samples is None else num_samples)
    groups = {"posterior": _by_chain(_chosen(draws, weights), num_chains)}
    x_data, given = None, None

    if data is not None and posterior.has_network:
        x_data, targets_of = full(posterior.model, data)
        y, _, given = Observed.of(targets_of)
        prediction = posterior.predict_with(draws, x_data, **(given or {}))
        pointwise = {"y": prediction.pointwise(y)}
        targets = {"y": prediction.samples()}

        groups["log_likelihood"] = _by_chain(pointwise, num_chains)
        groups["posterior_predictive"] = _by_chain(targets, num_chains)
        groups["observed_data"] = {"y": y.cpu().numpy()}

        if not groups["posterior"]:  # ArviZ reads the number of draws from this group
            total = {"log_likelihood": pointwise["y"].sum(-1)}
            groups["posterior"] = _by_chain(total, num_chains)

    if x is not None:
        functions = {"f": posterior.predict_with(draws, x).functions}
        groups["posterior"] |= _by_chain(functions, num_chains)

    if num_prior_samples > 0:
        groups |= _prior_groups(posterior.model, num_prior_samples, x_data, given)

    if isinstance(posterior.info, MCMCInfo):
        groups["sample_stats"] = _statistics(posterior.info)

    return labelled(groups)


def _chosen(draws: Mapping[str, Tensor], weights: bool) -> dict[str, Tensor]:
    """Return the draws of all sites, or those of the likelihood alone."""
    return {
        name: value for name, value in draws.items() if weights or is_noise_site(name)
    }


def _by_chain(values: Mapping[str, Tensor], num_chains: int) -> Arrays:
    """Return values (C * S, ...) as arrays (C, S, ...)."""
    found = {}
    for name, value in values.items():
        chains = value.reshape(num_chains, -1, *value.shape[1:])
        found[name] = chains.cpu().numpy()

    return found


def _prior_groups(
    model: BayesianNetwork,
    num_samples: int,
    x: Rows | None,
    given: Mapping[str, Tensor] | None,
) -> dict[str, Arrays]:
    """Return draws of the prior as one chain, and of the prior predictive if there are inputs."""
    draws = model.prior_draws(num_samples)
    groups = {"prior": _by_chain(draws, 1)}

    if x is not None:
        outputs = evaluate_draws(model, draws, {}, place_inputs(model, x))
        prediction = Prediction(model.likelihood, outputs, draws, given=given)
        targets = prediction.samples()
        groups["prior_predictive"] = _by_chain({"y": targets}, 1)

    return groups


def _statistics(info: MCMCInfo) -> Arrays:
    """Return the statistics of each draw under ArviZ's names, (C, S) each."""
    found = {}
    for name in _STATISTICS:
        values = getattr(info, name)
        if values is not None:
            found[name] = values.numpy()

    step_size = info.step_size[:, None].expand_as(info.lp)  # constant after warm-up
    found["step_size"] = step_size.contiguous().numpy()

    return found
