"""Draws of a network: those to evaluate with, and those whose loss an attack increases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor

from zoo.likelihoods.likelihood import is_noise_site
from zoo.model import BayesianNetwork
from zoo.posterior.posterior import Posterior

Through = Literal["draws", "one", "mean"]

THROUGH = {"draws": "the draws together", "one": "one draw", "mean": "the mean network"}


@dataclass(frozen=True)
class NetworkDraws:
    """Draws of a network's weights, and what is needed to predict with them.

    Arguments:
        model: The model that the draws are of.
        state: Point estimates, frozen weights and buffers by name.
        values: The draws of every site, (S, *shape) each, by name; on the model's
            device.
    """

    model: BayesianNetwork
    state: Mapping[str, Tensor]
    values: Mapping[str, Tensor]

    def __len__(self) -> int:
        first = next(iter(self.values.values()))
        return len(first)

    def __getitem__(self, rows: slice) -> NetworkDraws:
        """Return some of the draws."""
        values = {}
        for name, value in self.values.items():
            values[name] = value[rows]

        return replace(self, values=values)

    def mean(self) -> NetworkDraws:
        """Return one draw, the mean of all."""
        values = {}
        for name, value in self.values.items():
            values[name] = value.mean(0, keepdim=True)

        return replace(self, values=values)

    def of_network(self) -> NetworkDraws:
        """Return the draws without the sites of the likelihood."""
        values = {}
        for name, value in self.values.items():
            if not is_noise_site(name):
                values[name] = value

        return replace(self, values=values)


def sample_draws(posterior: Posterior, num_samples: int) -> NetworkDraws:
    """Return draws to evaluate with.

    Arguments:
        posterior: The posterior of one of the zoo's models of classes.
        num_samples: Number of draws; at most as many as a sampler holds are returned.

    Raises:
        ValueError: A posterior of no network, without weights, or of a likelihood
            without classes.
    """
    model = posterior.require_weights(
        "inputs are evaluated with draws of a network's weights"
    )
    if not model.likelihood.discrete:
        raise ValueError(
            f"stress needs a likelihood of classes, not {model.likelihood!r}; "
            "use likelihoods.Categorical() or Bernoulli()"
        )
    if num_samples < 1:
        raise ValueError(
            f"num_samples must be a number of draws, at least 1, not {num_samples}"
        )

    device = model.first_parameter.device
    draws = posterior.sample(posterior.num_available(num_samples))
    values = {}
    for name, value in draws.items():
        values[name] = value.to(device)

    return NetworkDraws(model, posterior.state, values)


def disjoint_draws(
    posterior: Posterior, num_samples: int
) -> tuple[NetworkDraws, NetworkDraws]:
    """Return two sets of draws without a common one: one to attack, one to evaluate with.

    A sampler's draws go to the two sets in turn; a single draw goes to both.
    """
    if posterior.num_samples is None:
        attacked = sample_draws(posterior, num_samples)
        fresh = sample_draws(posterior, num_samples)
        return attacked, fresh

    both = sample_draws(posterior, 2 * num_samples)
    second = min(1, len(both) - 1)

    return both[0::2], both[second::2]


def attacked_draws(draws: NetworkDraws, through: Through) -> NetworkDraws:
    """Return the draws that an attack goes through: all, the first, or their mean.

    Raises:
        ValueError: Another word for `through`.
    """
    if through == "draws":
        return draws
    if through == "one":
        return draws[:1]
    if through == "mean":
        return draws.mean()
    raise ValueError(f"through must be 'draws', 'one' or 'mean', not {through!r}")
