"""Regularised horseshoe prior: few weights or inputs matter, and those that do stay within a slab."""

from __future__ import annotations

from collections.abc import Mapping

import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from zoo.priors.conditional import Conditional, aligned, checked_group, group_shape


class RegularisedHorseshoe(Conditional):
    r"""Most weights shrink to 0, few escape: a half-Cauchy scale for each, under a global one and within a slab.

    .. math:: \tau \sim C^+(0, \tau_0), \quad \lambda_j \sim C^+(0, 1), \quad
        c^2 \sim \text{Inv-Gamma}(\nu / 2, \nu s^2 / 2), \quad
        w_{ij} \sim N\Big(0, \frac{c^2 \tau^2 \lambda_j^2}{c^2 + \tau^2 \lambda_j^2}\Big)

    Each tensor has three latent sites beside its own: `prior:layer1.weight.tau`,
    `.lambda` and `.slab` (c²). What `Hierarchical` says of a `Delta` guide holds here.

    References:
        Sparsity information and regularization in the horseshoe and other shrinkage priors (Piironen, Vehtari, 2017)
        Structured Variational Learning of Bayesian Neural Networks with Horseshoe Priors (Ghosh, Yao,
        Doshi-Velez, 2018)

    Arguments:
        global_scale: Scale τ0 of the global scale; small for few weights that matter.
        slab_scale: Scale s of what escapes, a standard deviation.
        slab_df: Degrees of freedom ν: what escapes has the tails of a Student t.
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
        by: str = "weight",
    ) -> None:
        for name, value in (
            ("global_scale", global_scale),
            ("slab_scale", slab_scale),
            ("slab_df", slab_df),
        ):
            if not value > 0:
                raise ValueError(f"{name} must be positive, not {value}")
        self.global_scale, self.slab_scale, self.slab_df, self.by = (
            global_scale,
            slab_scale,
            slab_df,
            checked_group(by),
        )

    def hyperpriors(
        self, like: Tensor
    ) -> dict[str, tuple[TorchDistributionMixin, torch.Size]]:
        """Return the priors of the global scale, the local scales and the variance of the slab."""
        half = self.slab_df / 2
        return {
            "tau": (dist.HalfCauchy(like.new_tensor(self.global_scale)), torch.Size()),
            "lambda": (
                dist.HalfCauchy(like.new_tensor(1.0)),
                group_shape(self.by, like),
            ),
            "slab": (
                dist.InverseGamma(
                    like.new_tensor(half), like.new_tensor(half * self.slab_scale**2)
                ),
                torch.Size(),
            ),
        }

    def given(
        self, values: Mapping[str, Tensor], like: Tensor
    ) -> TorchDistributionMixin:
        """Return the normal of the weights given the three."""
        free = aligned(values["tau"], "layer", like) * aligned(
            values["lambda"], self.by, like
        )
        scale = (
            free * (1 + free.square() / aligned(values["slab"], "layer", like)).rsqrt()
        )
        batch = scale.shape[: scale.dim() - like.dim()]
        return dist.Normal(0.0, scale.expand(*batch, *like.shape)).to_event(like.dim())

    def __repr__(self) -> str:
        slab = f"slab_scale={self.slab_scale:g}, slab_df={self.slab_df:g}"
        return f"RegularisedHorseshoe({self.global_scale:g}, {slab}, by={self.by!r})"
