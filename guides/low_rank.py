"""Low-rank guide: normals whose covariance is a diagonal plus a matrix of rank k."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import pyro.distributions as dist
import torch
from torch import Tensor

from guides._base.each_draw import Draws
from guides._base.groups import Per, grouped
from guides._base.joint import JointGuide
from guides._base.parameters import ByName
from guides._base.program import PyroModel

_State = list[tuple[Tensor, int]]  # parameters and their versions
_Constants = tuple[Tensor, Tensor]


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
        self._known: dict[str, tuple[_State, _Constants | None]] = {}

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

    @torch.no_grad()
    def draw_many(self, num_samples: int) -> Draws:
        """Draw all sites many times, site -> (S, *shape), without the cost of a density.

        Arguments:
            num_samples: Number of draws S.
        """
        draws = {}
        for group, names in self.groups.items():
            raw = self._draw_raw(group, num_samples)
            for name, part in zip(
                names, raw.split(self._sizes(group), -1), strict=True
            ):
                site = self.sites[name]
                value = part.unflatten(-1, self.loc[name].shape)
                draws[name] = value if site.is_real else site.transform(value)

        for name, site in self.sites.items():
            if name not in draws:
                draws[name] = self.distribution(site).sample((num_samples,))

        return draws

    def marginal(self, name: str) -> dist.LowRankMultivariateNormal:
        """Return the low-rank normal of one site."""
        group, rows = self.rows(name)
        factor, diagonal = self.factors(group)

        scale = self.scale(name).flatten()
        factor = scale.unsqueeze(-1) * factor[rows]
        diagonal = scale.square() * diagonal[rows]

        loc = self.loc[name].flatten()

        return dist.LowRankMultivariateNormal(loc, factor, diagonal)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Forget what was computed from parameters that move to another place."""
        self._known = {}

        return super()._apply(fn, recurse)

    def _draw_raw(self, group: str, num_samples: int) -> Tensor:
        """Return draws of a group in unconstrained space, (S, P)."""
        factor = self.factor[group]
        loc, unit = self._constants(group)
        common = torch.randn_like(factor.new_empty(num_samples, self.rank))
        raw = torch.randn_like(factor.new_empty(num_samples, len(factor)))
        raw.addmm_(common, factor.T)

        return torch.addcmul(loc, raw, unit, out=raw)

    def _constants(self, group: str) -> tuple[Tensor, Tensor]:
        """Return the means (P,), and the scales (P,) over the length of a row [1, F_i].

        They are computed again only if a parameter has changed.
        """
        names = self.groups[group]
        parameters = [self.factor[group]]
        for name in names:
            parameters += [self.loc[name], self.rho[name]]

        state = [(parameter, parameter._version) for parameter in parameters]
        before, constants = self._known.get(group, ([], None))
        if constants is None or not _are_same(before, state):
            loc = torch.cat([self.loc[name].flatten() for name in names])
            scale = torch.cat([self.scale(name).flatten() for name in names])
            length = (1 + parameters[0].square().sum(-1)).sqrt()
            constants = loc, scale / length
            self._known[group] = state, constants

        return constants

    def _initial_factors(self) -> dict[str, Tensor]:
        """Draw factors that carry half of the variance: factors of zero would have no gradient."""
        like = next(iter(self.sites.values())).init
        init_spread = self.rank**-0.5

        factors = {}
        for group in self.groups:
            noise = torch.randn_like(like.new_empty(self.size(group), self.rank))
            factors[group] = init_spread * noise

        return factors


def _are_same(before: _State, now: _State) -> bool:
    """Return whether parameters are the same tensors with the same values as before."""
    if len(before) != len(now):
        return False

    pairs = zip(before, now, strict=True)
    return all(one[0] is two[0] and one[1] == two[1] for one, two in pairs)
