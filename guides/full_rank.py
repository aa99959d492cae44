"""Full-rank guide: normals with a dense covariance, for each layer or over all weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyro.distributions as dist
import torch
from torch import Tensor

from guides._base.joint import Joint, grouped
from guides._base.parameters import ByName

LIMIT = 10_000  # numbers in a group: their covariance factor takes 400 MB in float32, a fit five times that


class FullRank(Joint):
    r"""Normals with every correlation: on Bayesian linear regression the exact posterior.

    .. math:: z = \text{loc} + \text{scale} \circ C \epsilon, \quad \epsilon \sim N(0, I_P)

    C is lower triangular with rows of length one, so `scale` holds the marginal
    standard deviations, in unconstrained space, and C C^T the correlations. A draw and
    its density take O(P²). With `per="layer"` the optimum on a linear model is the
    block-diagonal one, whose blocks are the inverted blocks of the posterior's
    precision; `distributions()` drops correlations between sites.

    References:
        Doubly stochastic variational Bayes for non-conjugate inference (Titsias, Lázaro-Gredilla, 2014)
        Automatic differentiation variational inference (Kucukelbir, Tran, Ranganath, Gelman, Blei, 2017)

    Arguments:
        model: A Pyro model.
        per: "layer" draws the sites of one layer together, those whose names differ
            after the last dot alone; "all" draws all of them together.
        sites: Names of the sites to draw together, all by default; the others are
            mean-field normal.
        init_scale: Standard deviation at the start, in unconstrained space.
        max_scale: Ceiling of the standard deviations, none by default.
        example: Arguments to run the model with once; the zoo's models need none.

    Raises:
        ValueError: More than 10,000 numbers in a group; an unknown site; a discrete
            site.

    Example:
        >>> FullRank(model, per="all").num_parameters()  # loc and scale of 81 numbers, and 81 * 80 / 2 correlations
        3402
    """

    def __init__(
        self,
        model: Callable[..., object],
        *,
        per: str = "layer",
        sites: Sequence[str] | None = None,
        init_scale: float = 0.05,
        max_scale: float | None = None,
        example: tuple = (),
    ) -> None:
        super().__init__(
            model,
            grouped(per, sites),
            init_scale=init_scale,
            max_scale=max_scale,
            example=example,
        )
        for group, names in self.groups.items():
            if self.size(group) > LIMIT:
                raise ValueError(
                    f"the sites {', '.join(names)} hold {self.size(group):,} numbers, too many for a dense covariance "
                    f"({LIMIT:,} at most); use guides.LowRank, or name fewer by sites=[...]"
                )
        like = next(iter(self.sites.values())).init
        self.lower = ByName(
            {
                g: like.new_zeros(self.size(g) * (self.size(g) - 1) // 2)
                for g in self.groups
            }
        )

    def factor(self, group: str) -> Tensor:
        """Return the Cholesky factor (P, P) of a group's correlation matrix."""
        return correlation_factor(self.lower[group], self.size(group))

    def law(self, group: str) -> dist.MultivariateNormal:
        """Return the normal with the group's correlation matrix."""
        factor = self.factor(group)
        return dist.MultivariateNormal(torch.zeros_like(factor[0]), scale_tril=factor)

    def marginal(self, name: str) -> dist.MultivariateNormal:
        """Return the multivariate normal of one site."""
        group, rows = self.rows(name)
        factor = self.scale(name).reshape(-1, 1) * self.factor(group)[rows]
        return dist.MultivariateNormal(
            self.loc[name].flatten(), covariance_matrix=factor @ factor.T
        )


def correlation_factor(lower: Tensor, size: int) -> Tensor:
    """Return the Cholesky factor (P, P) of the correlation matrix that P (P - 1) / 2 free numbers stand for."""
    below = torch.ones(size, size, dtype=torch.bool, device=lower.device).tril(-1)
    factor = torch.eye(size, dtype=lower.dtype, device=lower.device).masked_scatter(
        below, lower
    )
    return factor / factor.norm(dim=-1, keepdim=True)
