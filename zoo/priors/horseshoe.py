"""Regularised horseshoe prior: most weights are close to 0, and the others stay within a slab."""

from __future__ import annotations

from collections.abc import Mapping

import pyro.distributions as dist
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
from zoo.priors.positive import check_positive


class RegularisedHorseshoe(Conditional):
    r"""Sparse prior: most weights shrink to 0, and few stay large (half-Cauchy scales).

    .. math::
        \tau \sim C^+(0, \tau_0), \quad \lambda_j \sim C^+(0, 1), \quad
        c^2 \sim \text{Inv-Gamma}(\nu / 2, \nu s^2 / 2), \quad
        w_{ij} \sim N\Big(0, \frac{c^2 \tau^2 \lambda_j^2}{c^2 + \tau^2 \lambda_j^2}\Big)

    A slab of variance c² bounds the large weights. Each tensor has three more latent
    sites: `prior:layer1.weight.tau`, `.lambda` and `.slab` (c²). A `Delta` guide does
    not converge, as for `Hierarchical`.

    References:
        Sparsity information and regularization in the horseshoe and other shrinkage priors
        (Piironen, Vehtari, 2017)
        Structured Variational Learning of Bayesian Neural Networks with Horseshoe Priors (Ghosh,
        Yao, Doshi-Velez, 2018)

    Arguments:
        global_scale: Scale τ0 of the global scale; small if few weights matter.
        slab_scale: Scale s of the weights that do not shrink, a standard deviation.
        slab_df: Degrees of freedom ν: weights that do not shrink have the tails of a
            Student t.
        by: What has a local scale of its own: "weight", "input" (unit or channel) or
            "layer".

    Raises:
        ValueError: A scale or ν that is not positive; an unknown `by`.

    Example:
        >>> RegularisedHorseshoe(0.1, by="input")
        RegularisedHorseshoe(0.1, slab_scale=2, slab_df=4, by='input')
    """

    def __init__(
        self,
        global_scale: float = 1.0,
        slab_scale: float = 2.0,
        slab_df: float = 4.0,
        by: Group = "weight",
    ) -> None:
        check_positive(
            global_scale=global_scale, slab_scale=slab_scale, slab_df=slab_df
        )
        check_group(by)
        self.global_scale = global_scale
        self.slab_scale = slab_scale
        self.slab_df = slab_df
        self.by = by

    def hyperpriors(self, like: Tensor) -> dict[str, Hyperprior]:
        """Return the priors of the global scale, the local scales and the variance of the slab."""
        shape = self.slab_df / 2
        rate = shape * self.slab_scale**2

        one = torch.Size()

        tau = dist.HalfCauchy(like.new_tensor(self.global_scale))
        local = dist.HalfCauchy(like.new_tensor(1.0))
        slab = dist.InverseGamma(like.new_tensor(shape), like.new_tensor(rate))

        return {
            "tau": Hyperprior(tau, one),
            "lambda": Hyperprior(local, group_shape(self.by, like)),
            "slab": Hyperprior(slab, one),
        }

    def given(
        self, values: Mapping[str, Tensor], like: Tensor
    ) -> TorchDistributionMixin:
        """Return the normal distribution of the weights given these three."""
        tau = aligned(values["tau"], "layer", like)
        local = aligned(values["lambda"], self.by, like)
        slab = aligned(values["slab"], "layer", like)

        free = tau * local  # the scale without a slab
        shrunk = (1 + free.square() / slab).rsqrt()
        scale = free * shrunk

        return normal_given_scale(0.0, scale, like)

    def __repr__(self) -> str:
        slab = f"slab_scale={self.slab_scale:g}, slab_df={self.slab_df:g}"
        return f"RegularisedHorseshoe({self.global_scale:g}, {slab}, by={self.by!r})"
