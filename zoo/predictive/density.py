"""The noise and the log density of a prediction, draw by draw."""

from __future__ import annotations

from collections.abc import Mapping

from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from zoo.likelihoods.likelihood import Likelihood, is_noise_site
from zoo.likelihoods.missing import left_out
from zoo.likelihoods.observed import Observed
from zoo.predictive.units import TargetUnits

Given = Mapping[str, Tensor] | None


def noise_draws(draws: Given) -> dict[str, Tensor]:
    """Return the draws (S, ...) of the likelihood's own sites among all draws."""
    return {name: value for name, value in (draws or {}).items() if is_noise_site(name)}


def aligned_noise(
    likelihood: Likelihood, noise: Mapping[str, Tensor], outputs: Tensor, given: Given
) -> dict[str, Tensor]:
    """Return noise (S, 1, ...) and known quantities (N, ...) that broadcast with outputs.

    Arguments:
        likelihood: The likelihood.
        noise: Draws (S, ...) of the likelihood's own sites.
        outputs: Outputs of the network (S, N, ...).
        given: Known quantities (N, ...) by name.
    """
    found = {}
    for name, value in noise.items():
        num_new = max(1, outputs.dim() - value.dim())
        found[name] = value.reshape(len(value), *[1] * num_new, *value.shape[1:])

    if given is None:
        return found

    return found | likelihood.known(given, outputs[0])


def pointwise(
    likelihood: Likelihood,
    distribution: TorchDistributionMixin,
    y: Tensor,
    outputs: Tensor,
    units: TargetUnits,
    given: Given,
) -> Tensor:
    """Return the log density of each draw at targets, (S, N), in nats.

    Arguments:
        likelihood: The likelihood, which says which targets are missing.
        distribution: p(y | draw), of batch shape (S, N, ...).
        y: Targets (N, ...), in the given units.
        outputs: Outputs of the network (S, N, ...).
        units: Units of the targets.
        given: Known quantities (N, ...) by name.
    """
    y = y.to(outputs.device)
    y = y if likelihood.discrete else units.back(y)
    likelihood.check(outputs[0], Observed(y, given=given))

    counts = likelihood.is_observed(y)
    encoded = likelihood.encode(y, outputs)
    masked, values = left_out(distribution, encoded, counts)
    log_prob = masked.log_prob(values)  # (S, N, ...)
    if log_prob.dim() > 2:
        log_prob = log_prob.flatten(2).sum(-1)  # (S, N)

    if likelihood.discrete:
        return log_prob

    return log_prob - units.log_volume(y, counts)
