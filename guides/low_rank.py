"""Low-rank guide: normals whose covariance is a diagonal plus a matrix of rank k."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor

from guides._base.groups import Per, grouped
from guides._base.joint import JointGuide
from guides._base.parameters import ByName
from guides._base.program import PyroModel


class LowRank(JointGuide):
    r"""Normal whose covariance is a diagonal plus a matrix of low rank.

    .. math:: z = \text{loc}
        + \text{scale} \circ \frac{\epsilon + F \eta}{\sqrt{1 + |F_i|^2}}, \quad
        \epsilon \sim N(0, I_P), \; \eta \sim N(0, I_k)

    The covariance is a diagonal plus a matrix of rank k, and `scale` holds the marginal
    standard deviations, in unconstrained space. A draw costs O(Pk), its density O(Pk²).
    With k = P - 1 the family contains every covariance. `distributions()` drops the
    correlations between sites.

    References:
        Gaussian variational approximation with a factor covariance structure
        (Ong, Nott, Smith, 2018)
        Efficient low rank Gaussian variational inference for neural networks
        (Tomczak, Swaroop, Turner, 2020)

    Arguments:
        model: A Pyro model.
        rank: Number of factors k of a group.
        per: "layer" draws the sites of one layer together, i.e. those whose names are
            equal up to the last dot; "all" draws all of them together.
        sites: Names of the sites to draw together, all by default; the others are
            mean-field normal.
        init_scale: Initial standard deviation, in unconstrained space.
        max_scale: Ceiling of the standard deviations, none by default.
        example: Arguments to run the model with once. Models of zoo need none.

    Raises:
        ValueError: A rank below 1; an unknown site; a discrete site.

    Example:
        >>> LowRank(model, rank=2).num_parameters()  # 81 loc, 81 scales, two factors of 81
        324
    """

    scale_parameters = ("rho.*", "factor.*")

    def __init__(
        self,
        model: PyroModel,
        *,
        rank: int = 4,
        per: Per = "layer",
        sites: Sequence[str] | None = None,
        init_scale: float = 0.05,
        max_scale: float | None = None,
        example: tuple[Any, ...] = (),
    ) -> None:
        if rank < 1:
            raise ValueError(
                f"rank must be a number of common factors, at least 1, not {rank}; "
                "for no factors use guides.MeanField"
            )

        super().__init__(
            model,
            grouped(per, sites),
            init_scale=init_scale,
            max_scale=max_scale,
            example=example,
        )
        self.rank = rank
        self.factor = ByName(self._initial_factors())

    def factors(self, group: str) -> tuple[Tensor, Tensor]:
        """Return factors (P, k) and diagonal (P,) of a group's correlation matrix."""
        factor = self.factor[group]
        variance = 1 + factor.square().sum(-1)
        correlated = factor * variance.rsqrt().unsqueeze(-1)

        return correlated, variance.reciprocal()

    def joint_distribution(self, group: str) -> dist.LowRankMultivariateNormal:
        """Return the normal with the group's correlation matrix."""
        factor, diagonal = self.factors(group)
        loc = torch.zeros_like(diagonal)

        return dist.LowRankMultivariateNormal(loc, factor, diagonal)

    def marginal(self, name: str) -> dist.LowRankMultivariateNormal:
        """Return the low-rank normal of one site."""
        group, rows = self.rows(name)
        factor, diagonal = self.factors(group)

        scale = self.scale(name).flatten()
        factor = scale.unsqueeze(-1) * factor[rows]
        diagonal = scale.square() * diagonal[rows]

        loc = self.loc[name].flatten()

        return dist.LowRankMultivariateNormal(loc, factor, diagonal)

    def _initial_factors(self) -> dict[str, Tensor]:
        """Draw factors that carry half of the variance: factors of zero would have no gradient."""
        like = next(iter(self.sites.values())).init
        init_spread = self.rank**-0.5

        factors = {}
        for group in self.groups:
            noise = torch.randn_like(like.new_empty(self.size(group), self.rank))
            factors[group] = init_spread * noise

        return factors
