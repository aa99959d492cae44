"""Hierarchical normal prior: the scale of a layer, or of each input unit, is random."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from zoo.priors.conditional import (
    Conditional,
    Group,
    Hyperprior,
    aligned,
    check_group,
    group_shape,
    normal_given_scale,
)
from zoo.runtime.distributions import describe, support_of


class Hierarchical(Conditional):
    r"""Normal weights whose scale is inferred too, with a prior of its own.

    .. math::
        s \sim p(s), \qquad w_{ij} \mid s \sim N(\mu, s^2)
        \quad\text{or}\quad w_{ij} \mid s \sim N(\mu, s_j^2)

    With one scale for each input unit it is automatic relevance determination. The scale
    is a latent site, `prior:layer1.weight.scale`, that every guide and sampler infers
    with the weights.

    The joint density has no maximum: it grows without bound as all weights and their
    scale go to 0. A `Delta` guide therefore does not converge.

    Weights given their scale, and that scale, depend on each other so strongly that
    samplers may diverge where the scale is small. `centred=False` samples standardised
    weights z instead, `layer1.weight_decentered`,

    .. math:: z \sim N(0, 1), \qquad w = \mu + s z,

    the same prior in coordinates that are independent. It is the better choice if the
    data say little about single weights, as in most networks. Draws of a posterior have
    the weights themselves too.

    References:
        Bayesian Learning for Neural Networks (Neal, 1996)
        Prior distributions for variance parameters in hierarchical models (Gelman, 2006)
        Hamiltonian Monte Carlo for Hierarchical Models (Betancourt, Girolami, 2015)

    Arguments:
        scale: Prior of one scale, a standard deviation: `dist.HalfCauchy(1.0)`,
            `dist.HalfNormal(1.0)`.
        by: What has a scale of its own: "layer" (one for the tensor), "input" (one for
            each input unit or channel; a vector such as a bias has one) or "weight".
        loc: Mean of the weights; take 1 for nodes.
        centred: Whether weights are sampled given their scale; otherwise standardised
            weights are.

    Raises:
        TypeError: The scale is no distribution.
        ValueError: A scale that may be negative; an unknown `by`.

    Example:
        >>> rule = Hierarchical(dist.HalfCauchy(1.0), by="input")
        >>> rule
        Hierarchical(HalfCauchy(1), by='input')
        >>> network = nn.Linear(6, 1)
        >>> sites = priors.WeightPrior(rule).bind(network).priors(network)
        >>> {name: tuple(site.prior.shape()) for name, site in sites.items()}
        {'prior:weight.scale': (6,), 'weight': (1, 6), 'prior:bias.scale': (), 'bias': (1,)}
    """

    def __init__(
        self,
        scale: TorchDistributionMixin,
        by: Group = "layer",
        loc: float = 0.0,
        *,
        centred: bool = True,
    ) -> None:
        if not isinstance(scale, TorchDistributionMixin):
            raise TypeError(
                f"scale must be a distribution, such as dist.HalfCauchy({scale!r}), not {scale!r}"
            )

        can_be_negative = support_of(scale).check(torch.tensor(-1.0))
        if bool(can_be_negative.any()):
            raise ValueError(
                f"a scale is positive, but {describe(scale)} has negative values; use "
                "dist.HalfNormal(1.0)"
            )

        check_group(by)
        self.scale = scale
        self.by = by
        self.loc = loc
        self.centred = centred

    def hyperpriors(self, like: Tensor) -> dict[str, Hyperprior]:
        """Return the prior of the scales and their shape."""
        shape = group_shape(self.by, like)
        return {"scale": Hyperprior(self.scale, shape)}

    def given(
        self, values: Mapping[str, Tensor], like: Tensor
    ) -> TorchDistributionMixin:
        """Return the normal distribution of the weights given the scales."""
        scale = aligned(values["scale"], self.by, like)
        return normal_given_scale(self.loc, scale, like)

    def __repr__(self) -> str:
        loc = f", loc={self.loc:g}" if self.loc else ""
        centred = "" if self.centred else ", centred=False"
        return f"Hierarchical({describe(self.scale)}, by={self.by!r}{loc}{centred})"
