"""Hierarchical normal prior: the scale of a layer, or of each input unit, is random and inferred."""

from __future__ import annotations

from collections.abc import Mapping

import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from zoo.priors.conditional import Conditional, aligned, checked_group, group_shape
from zoo.runtime.distributions import describe, support_of


class Hierarchical(Conditional):
    r"""Normal weights whose scale has a prior of its own; with one per input unit, automatic relevance determination.

    .. math:: s \sim p(s), \qquad w_{ij} \mid s \sim N(\mu, s^2) \quad\text{or}\quad w_{ij} \mid s \sim N(\mu, s_j^2)

    The scale is a latent site, `prior:layer1.weight.scale`, that every guide and
    sampler infers with the weights. The joint density has no maximum (all weights at 0
    and their scale too), so a `Delta` guide has nothing to converge to.

    References:
        Bayesian Learning for Neural Networks (Neal, 1996)
        Prior distributions for variance parameters in hierarchical models (Gelman, 2006)

    Arguments:
        scale: Prior of one scale, a standard deviation: `dist.HalfCauchy(1.0)`,
            `dist.HalfNormal(1.0)`.
        by: What has a scale of its own: "layer" (one for the tensor), "input" (one for
            each input unit or channel; a vector such as a bias has one) or "weight".
        loc: Centre; 1 for nodes.

    Raises:
        TypeError: The scale is no distribution.
        ValueError: A scale that may be negative; an unknown `by`.

    Example:
        >>> Hierarchical(dist.HalfCauchy(1.0), by="input")
        Hierarchical(HalfCauchy(1), by='input')
        >>> plan = priors.WeightPrior(Hierarchical(dist.HalfCauchy(1.0), by="input")).bind(nn.Linear(6, 1))
        >>> {name: tuple(prior.shape()) for name, (prior, _) in plan.priors(nn.Linear(6, 1)).items()}
        {'prior:weight.scale': (6,), 'weight': (1, 6), 'prior:bias.scale': (), 'bias': (1,)}
    """

    def __init__(
        self, scale: TorchDistributionMixin, by: str = "layer", loc: float = 0.0
    ) -> None:
        if not isinstance(scale, TorchDistributionMixin):
            raise TypeError(
                f"scale is the prior of a scale, such as dist.HalfCauchy({scale!r}), not {scale!r}"
            )
        if bool(support_of(scale).check(torch.tensor(-1.0)).any()):
            raise ValueError(
                f"a scale is positive, but {describe(scale)} has negative values; use dist.HalfNormal(1.0)"
            )
        self.scale, self.by, self.loc = scale, checked_group(by), loc

    def hyperpriors(
        self, like: Tensor
    ) -> dict[str, tuple[TorchDistributionMixin, torch.Size]]:
        """Return the prior of the scales and their shape."""
        return {"scale": (self.scale, group_shape(self.by, like))}

    def given(
        self, values: Mapping[str, Tensor], like: Tensor
    ) -> TorchDistributionMixin:
        """Return the normal of the weights given the scales."""
        scale = aligned(values["scale"], self.by, like)
        batch = scale.shape[: scale.dim() - like.dim()]
        return dist.Normal(self.loc, scale.expand(*batch, *like.shape)).to_event(
            like.dim()
        )

    def __repr__(self) -> str:
        loc = f", loc={self.loc:g}" if self.loc else ""
        return f"Hierarchical({describe(self.scale)}, by={self.by!r}{loc})"
