"""Full-rank guide: normals with a dense covariance, for each layer or over all weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor

from guides._base.factor_normal import FactorNormal
from guides._base.groups import Per, grouped
from guides._base.joint import JointGuide
from guides._base.parameters import ByName, correlation_factor
from guides._base.program import PyroModel

# Of a group: the covariance factor then takes 400 MB in float32, and a fit five times that.
_MAX_ELEMENTS = 10_000


class FullRank(JointGuide):
    r"""Normal with all correlations between weights; exact for Bayesian linear regression.

    .. math:: z = \text{loc} + \text{scale} \circ C \epsilon, \quad \epsilon \sim N(0, I_P)

    C is lower triangular and its rows have length one, so C C^T holds the correlations
    and `scale` the marginal standard deviations, in unconstrained space. A draw and its
    density cost O(P²). With `per="layer"` the optimum on a linear model has a
    block-diagonal covariance, whose blocks are the inverted blocks of the posterior's
    precision. `distributions()` drops the correlations between sites.

    References:
        Doubly stochastic variational Bayes for non-conjugate inference
        (Titsias, Lázaro-Gredilla, 2014)
        Automatic differentiation variational inference
        (Kucukelbir, Tran, Ranganath, Gelman, Blei, 2017)

    Arguments:
        model: A Pyro model.
        per: "layer" draws the sites of one layer together, i.e. those whose names are
            equal up to the last dot; "all" draws all of them together.
        sites: Names of the sites to draw together, all by default; the others are
            mean-field normal.
        init_scale: Initial standard deviation, in unconstrained space.
        max_scale: Ceiling of the standard deviations, none by default.
        example: Arguments to run the model with once. Models of zoo need none.

    Raises:
        ValueError: More than 10,000 elements in a group; an unknown site; a discrete
            site.

    Example:
        >>> FullRank(model, per="all").num_parameters()  # 81 loc, 81 scales, 3240 correlations
        3402
    """

    scale_parameters = ("rho.*", "lower.*")

    def __init__(
        self,
        model: PyroModel,
        *,
        per: Per = "layer",
        sites: Sequence[str] | None = None,
        init_scale: float = 0.05,
        max_scale: float | None = None,
        example: tuple[Any, ...] = (),
    ) -> None:
        super().__init__(
            model,
            grouped(per, sites),
            init_scale=init_scale,
            max_scale=max_scale,
            example=example,
        )
        like = next(iter(self.sites.values())).init

        lower = {}
        for group in self.groups:
            self.refuse_many_elements(group, _MAX_ELEMENTS, "a dense covariance")
            size = self.size(group)
            lower[group] = like.new_zeros(size * (size - 1) // 2)

        self.lower = ByName(lower)

    def factor(self, group: str) -> Tensor:
        """Return the Cholesky factor (P, P) of a group's correlation matrix."""
        return correlation_factor(self.lower[group], self.size(group))

    def joint_distribution(self, group: str) -> FactorNormal:
        """Return the normal with the group's correlation matrix."""
        factor = self.factor(group)
        return FactorNormal(torch.zeros_like(factor[0]), factor)

    def marginal(self, name: str) -> dist.MultivariateNormal:
        """Return the multivariate normal of one site."""
        group, rows = self.rows(name)
        scale = self.scale(name).reshape(-1, 1)
        factor = self.factor(group)[rows]
        factor = scale * factor

        loc = self.loc[name].flatten()
        covariance = factor @ factor.T

        return dist.MultivariateNormal(loc, covariance_matrix=covariance)
