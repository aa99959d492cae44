"""Low-rank guide: normals with a diagonal plus rank k covariance, for each layer or over all weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyro.distributions as dist
import torch
from torch import Tensor

from guides._base.joint import Joint, grouped
from guides._base.parameters import ByName


class LowRank(Joint):
    r"""Normals whose correlations are those of k common factors and an independent rest.

    .. math:: z = \text{loc} + \text{scale} \circ \frac{\epsilon + F \eta}{\sqrt{1 + |F_i|^2}}, \quad
        \epsilon \sim N(0, I_P), \; \eta \sim N(0, I_k)

    The covariance is a diagonal plus a matrix of rank k, and `scale` holds the marginal
    standard deviations, in unconstrained space. A draw takes O(Pk), its density O(Pk²).
    With k = P - 1 any covariance can be reached; `distributions()` drops correlations
    between sites.

    References:
        Gaussian variational approximation with a factor covariance structure (Ong, Nott, Smith, 2018)
        Efficient low rank Gaussian variational inference for neural networks (Tomczak, Swaroop, Turner, 2020)

    Arguments:
        model: A Pyro model.
        rank: Number of factors k of a group.
        per: "layer" draws the sites of one layer together, those whose names differ
            after the last dot alone; "all" draws all of them together.
        sites: Names of the sites to draw together, all by default; the others are
            mean-field normal.
        init_scale: Standard deviation at the start, in unconstrained space.
        max_scale: Ceiling of the standard deviations, none by default.
        example: Arguments to run the model with once; the zoo's models need none.

    Raises:
        ValueError: A rank below 1; an unknown site; a discrete site.

    Example:
        >>> LowRank(model, rank=2).num_parameters()  # loc and scale of 81 numbers, and two factors
        324
    """

    def __init__(
        self,
        model: Callable[..., object],
        *,
        rank: int = 4,
        per: str = "layer",
        sites: Sequence[str] | None = None,
        init_scale: float = 0.05,
        max_scale: float | None = None,
        example: tuple = (),
    ) -> None:
        if rank < 1:
            raise ValueError(
                f"rank is the number of common factors, at least 1, not {rank}; guides.MeanField has none"
            )
        super().__init__(
            model,
            grouped(per, sites),
            init_scale=init_scale,
            max_scale=max_scale,
            example=example,
        )
        self.rank = rank
        like = next(iter(self.sites.values())).init
        spread = (
            rank**-0.5
        )  # half of the variance at the start: at factors of zero their gradient is zero
        self.factor = ByName(
            {
                g: spread * torch.randn_like(like.new_empty(self.size(g), rank))
                for g in self.groups
            }
        )

    def factors(self, group: str) -> tuple[Tensor, Tensor]:
        """Return factors (P, k) and diagonal (P,) of a group's correlation matrix."""
        factor = self.factor[group]
        variance = 1 + factor.square().sum(-1)
        return factor * variance.rsqrt().unsqueeze(-1), variance.reciprocal()

    def law(self, group: str) -> dist.LowRankMultivariateNormal:
        """Return the normal with the group's correlation matrix."""
        factor, diagonal = self.factors(group)
        return dist.LowRankMultivariateNormal(
            torch.zeros_like(diagonal), factor, diagonal
        )

    def marginal(self, name: str) -> dist.LowRankMultivariateNormal:
        """Return the low-rank normal of one site."""
        group, rows = self.rows(name)
        factor, diagonal = self.factors(group)
        scale = self.scale(name).flatten()
        return dist.LowRankMultivariateNormal(
            self.loc[name].flatten(),
            scale.unsqueeze(-1) * factor[rows],
            scale.square() * diagonal[rows],
        )
