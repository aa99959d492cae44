"""The conditional distribution of some sites of a model given all others and the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pyro.distributions as dist
import torch
from torch import Tensor

from guides._base.conditional_normal import (
    NormalMoments,
    conditional_normal,
    is_convex,
    is_quadratic,
)
from guides._base.each_draw import Draws, each_draw
from guides._base.log_joint import Joint
from guides._base.remembered import Remembered
from guides._base.site import Site
from guides._lazy.lazy import plain

LOG_CONCAVE = "the conditional of the last layer is log-concave"
_ELEMENTS = 2**24  # of second derivatives at once, when many draws are made


@dataclass(frozen=True)
class GivenRest:
    """The normal distribution of the elements of some sites, given values of the rest.

    Arguments:
        names: The names of the sites, whose P elements are one vector.
        sites: All sites of the model.
        joint: The log joint density of the model.
        data: The data.
        num_steps: Steps of Newton's method to the mode.
    """

    names: Sequence[str]
    sites: Mapping[str, Site]
    joint: Joint
    data: Remembered
    num_steps: int

    @property
    def is_log_concave(self) -> bool:
        """Whether the density of the elements is log-concave, as far as the data's facts say."""
        return self.data.facts.get(LOG_CONCAVE, True)

    def distribution(self, values: Mapping[str, Tensor]) -> dist.MultivariateNormal:
        """Return the distribution (*S, P) of the elements.

        Arguments:
            values: Values (*S, *shape) of the sites of the rest; others are not used.
        """
        given = self._rest_of(values)
        shape = self._sample_shape(given)
        moments_of = partial(self._moments, self._stated(given))
        if not shape:
            mean, precision = moments_of(given)
            return dist.MultivariateNormal(mean, precision_matrix=precision)

        flat = {}
        for name, value in given.items():
            flat[name] = value.reshape(-1, *self.sites[name].init.shape)

        mean, precision = each_draw(moments_of, flat, self._chunk)
        mean = mean.reshape(*shape, -1)
        precision = precision.reshape(*mean.shape, -1)

        return dist.MultivariateNormal(mean, precision_matrix=precision)

    def is_exact(self, values: Mapping[str, Tensor]) -> bool:
        """Return whether the log density of the elements is quadratic.

        Arguments:
            values: A value (*shape) of each site of the rest.
        """
        return is_quadratic(
            self._energy(values), self._prior("mean"), self._prior("stddev")
        )

    def looks_log_concave(self, values: Mapping[str, Tensor]) -> bool:
        """Return whether the density of the elements is log-concave at a few places.

        Arguments:
            values: A value (*shape) of each site of the rest.
        """
        return is_convex(
            self._energy(values), self._prior("mean"), self._prior("stddev")
        )

    def parts(self, elements: Tensor) -> Draws:
        """Return the value (*S, *shape) of each site, of elements (*S, P)."""
        inits = [self.sites[name].init for name in self.names]
        pieces = elements.split([init.numel() for init in inits], -1)

        parts = {}
        for name, init, piece in zip(self.names, inits, pieces, strict=True):
            parts[name] = piece.reshape(*piece.shape[:-1], *init.shape).to(init.dtype)

        return parts

    def elements(self, values: Mapping[str, Tensor]) -> Tensor:
        """Return the elements (*S, P) of values (*S, *shape) of the sites, in float64."""
        pieces = []
        for name in self.names:
            value = values[name]
            num_sample_dims = value.dim() - self.sites[name].init.dim()
            pieces.append(value.reshape(*value.shape[:num_sample_dims], -1))

        return torch.cat(pieces, -1).double()

    def _energy(self, values: Mapping[str, Tensor]) -> Callable[[Tensor], Tensor]:
        """Return the negative log joint density of the elements, given a value of each site."""
        given = self._rest_of(values)

        return partial(self._negative, self._stated(given), given)

    def _rest_of(self, values: Mapping[str, Tensor]) -> Draws:
        """Return the values of the other sites, as ordinary draws."""
        names = [name for name in self.sites if name not in self.names]
        return {name: plain(values[name]) for name in names}

    def _sample_shape(self, given: Mapping[str, Tensor]) -> torch.Size:
        """Return the shape S of the draws."""
        for name, value in given.items():
            num_sample_dims = value.dim() - self.sites[name].init.dim()
            return value.shape[:num_sample_dims]

        return torch.Size()

    @property
    def _chunk(self) -> int:
        """The number of draws whose second derivatives are computed at once."""
        size = sum(self.sites[name].init.numel() for name in self.names)
        num_elements = max((each.numel() for each in self.data.buffers()), default=1)

        return max(1, _ELEMENTS // (size * (size + num_elements)))

    def _stated(self, given: Mapping[str, Tensor]) -> Draws:
        """Return the values of the parameters and buffers that the model states."""
        values = self.parts(self._prior("mean"))
        for name, value in given.items():
            shape = self.sites[name].init.shape
            values[name] = value.reshape(-1, *shape)[0].detach()

        return self.joint.stated(values, self.data)

    def _moments(
        self, stated: Mapping[str, Tensor], given: Mapping[str, Tensor]
    ) -> NormalMoments:
        """Return the moments of the elements, given one value of each site of the rest."""
        fixed = {name: value.detach() for name, value in given.items()}

        return conditional_normal(
            partial(self._negative, stated, given),
            partial(self._negative, stated, fixed),
            start=self._prior("mean"),
            scale=self._prior("stddev"),
            num_steps=self.num_steps,
            is_log_concave=self.is_log_concave,
        )

    def _negative(
        self,
        stated: Mapping[str, Tensor],
        given: Mapping[str, Tensor],
        elements: Tensor,
    ) -> Tensor:
        """Return the negative log joint density at the elements (P,)."""
        values = {**given, **self.parts(elements)}
        return -self.joint.log_prob(values, self.data, stated)

    def _prior(self, moment: str) -> Tensor:
        """Return the prior means or standard deviations of the elements, (P,)."""
        pieces = []
        for name in self.names:
            site = self.sites[name]
            values = getattr(site.prior, moment).to(site.init)
            pieces.append(values.expand(site.init.shape).flatten())

        return torch.cat(pieces)
