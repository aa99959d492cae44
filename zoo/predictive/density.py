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


def distribution_of_draws(
    likelihood: Likelihood, outputs: Tensor, noise: Mapping[str, Tensor], given: Given
) -> TorchDistributionMixin:
    """Return p(y | draw) for all draws at once, of batch shape (S, N, ...).

    Arguments:
        likelihood: The likelihood.
        outputs: Outputs of the network (S, N, ...).
        noise: Draws (S, ...) of the likelihood's own sites.
        given: Known quantities (N, ...) by name.

    Raises:
        ValueError: A likelihood that mixes up the dimensions of draws and data.
    """
    outputs = likelihood.arranged(outputs, batch_dim=1)
    aligned = aligned_noise(likelihood, noise, outputs, given)
    distribution = likelihood.distribution(outputs, aligned)

    first_row = outputs[0, :1]
    first_noise = {name: value[0] for name, value in noise.items()}
    if given is not None:
        first_given = {name: value[:1] for name, value in given.items()}
        first_noise |= likelihood.known(first_given, first_row)

    one = likelihood.distribution(first_row, first_noise)
    expected = (*outputs.shape[:2], *one.batch_shape[1:])
    if tuple(distribution.batch_shape) != expected:
        raise ValueError(
            f"under {likelihood!r} the distribution for {len(outputs)} draws of outputs of shape "
            f"{tuple(outputs.shape[1:])} has batch shape {tuple(distribution.batch_shape)}, not "
            f"{expected}; index outputs and noise from the last dimension, e.g. f[..., 0]"
        )

    return distribution


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
    has_classes = likelihood.has_classes(distribution)
    y = y.to(outputs.device)
    y = y if has_classes else units.back(y)
    likelihood.check(
        outputs[0], Observed(y, given=None if given is None else dict(given))
    )

    counts = likelihood.is_observed(y)
    encoded = likelihood.encode(y, outputs)
    observed = likelihood.as_observed(distribution)
    masked, values = left_out(observed, encoded, counts)
    log_prob = masked.log_prob(values)  # (S, N, ...)
    if log_prob.dim() > 2:
        log_prob = log_prob.flatten(2).sum(-1)  # (S, N)

    if has_classes:
        return log_prob

    return log_prob - units.log_volume(y, counts)
