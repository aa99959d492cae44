"""The base class of guides that draw several sites together as one unconstrained vector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyro
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from pyro.distributions.util import sum_rightmost
from pyro.poutine.runtime import InferDict
from torch import Tensor
from torch.distributions import Transform, biject_to
from torch.distributions.transforms import ReshapeTransform

from guides._base.groups import Grouping
from guides._base.part import JointPart
from guides._base.program import PyroModel
from guides._base.site import Site
from guides._base.transformed import Transformed
from guides.mean_field import MeanField


class JointGuide(MeanField):
    r"""Sites whose standardised elements have a joint distribution.

    .. math:: z = T(\text{loc} + \text{scale} \circ u), \; u \sim q(u), \qquad
        \log q(z) = \log q(u) - \sum_i \log \text{scale}_i - \log |\det T'|

    A subclass implements `joint_distribution`, which gives q(u) for a group of sites. The
    vector u is drawn at an auxiliary site, and each model site is a part of it. A site
    that belongs to no group is mean-field normal.

    Arguments:
        model: A Pyro model.
        groups: Gives the names of the sites that are drawn together, by the name of their
            auxiliary site.
        init_scale: Initial scale of every element, in unconstrained space.
        max_scale: Ceiling of the scales, none by default.
        example: Arguments to run the model with once. Models of zoo need none.
    """

    def __init__(
        self,
        model: PyroModel,
        groups: Grouping,
        *,
        init_scale: float,
        max_scale: float | None,
        example: tuple[Any, ...],
    ) -> None:
        super().__init__(
            model, init_scale=init_scale, max_scale=max_scale, example=example
        )
        self.groups = groups(self.sites)

    def joint_distribution(self, group: str) -> TorchDistributionMixin:
        """Return the distribution of a group's standardised elements u (P,)."""
        raise NotImplementedError

    def marginal(self, name: str) -> TorchDistributionMixin:
        """Return the distribution of one site's elements, flat and in unconstrained space."""
        raise NotImplementedError

    def size(self, group: str) -> int:
        """Return the number of elements P of a group."""
        return sum(self._sizes(group))

    def refuse_many_elements(self, group: str, limit: int, what: str) -> None:
        """Refuse a group of more than `limit` elements, which are too many for `what`."""
        size = self.size(group)
        if size > limit:
            names = ", ".join(self.groups[group])
            raise ValueError(
                f"the sites {names} have {size:,} elements, too many for {what} "
                f"({limit:,} at most); use guides.LowRank, or choose fewer sites: sites=[...]"
            )

    def rows(self, name: str) -> tuple[str, slice]:
        """Return the group of a site, and the slice of the group's vector that is the site's."""
        for group, names in self.groups.items():
            if name in names:
                index = names.index(name)
                sizes = self._sizes(group)
                begin = sum(sizes[:index])
                return group, slice(begin, begin + sizes[index])

        raise KeyError(name)

    def forward(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """Draw each group at its auxiliary site, then the sites in the order of the model."""
        parts: dict[str, TorchDistributionMixin] = {}
        for group in self.groups:
            parts.update(self._draw_group(group))

        values = {}
        for name, site in self.sites.items():
            part = parts[name] if name in parts else self.distribution(site)
            values[name] = self.sample(site, part)

        return values

    def part(
        self, site: Site, noise: Tensor, distribution: TorchDistributionMixin
    ) -> TorchDistributionMixin:
        """Return a site's part of a joint draw.

        Arguments:
            site: A site of a group.
            noise: The site's elements of the draw u, (*S, P_site).
            distribution: The joint distribution that u was drawn from.
        """
        loc = self.loc[site.name]
        scale = self.scale(site.name)
        shape = noise.shape[:-1] + loc.shape
        raw = loc + scale * noise.reshape(shape)

        transform = biject_to(site.support)
        value = transform(raw)
        log_volume = self._log_volume(site, raw)

        return JointPart(value, log_volume, site.prior.event_dim)

    def log_prob(self, values: Mapping[str, Tensor]) -> Tensor:
        """Return the log density of values (*S, *shape) of all sites together, (*S)."""
        total = super().log_prob(values)
        for group, names in self.groups.items():
            pieces = [self._standardised(name, values[name]) for name in names]
            noise = torch.cat(pieces, -1)  # (*S, P)

            joint = self.joint_distribution(group)
            total = total + joint.log_prob(noise)

        return total

    def site_log_prob(self, name: str, value: Tensor) -> Tensor:
        """Return the log density of one site, (*S); of a part of a joint draw, its log volume."""
        if not self._is_part(name):
            return super().site_log_prob(name, value)

        site = self.sites[name]
        raw = biject_to(site.support).inv(value)
        log_volume = self._log_volume(site, raw)

        return -sum_rightmost(log_volume, len(site.prior.batch_shape))

    def distribution(self, site: Site) -> TorchDistributionMixin:
        """Return the marginal of a site, without its correlations with other sites.

        The plates of a site that is drawn jointly are dimensions of the event.
        """
        if not self._is_part(site.name):
            return super().distribution(site)

        marginal = self.marginal(site.name)
        shape = self.loc[site.name].shape

        transforms: list[Transform] = [ReshapeTransform(marginal.event_shape, shape)]
        if not site.is_real:
            transforms.append(site.transform)

        return Transformed(marginal, transforms)

    def _sizes(self, group: str) -> list[int]:
        """Return the number of elements of each site of a group."""
        return [self.loc[name].numel() for name in self.groups[group]]

    def _is_part(self, name: str) -> bool:
        """Return whether a site belongs to a group."""
        return any(name in names for names in self.groups.values())

    def _draw_group(self, group: str) -> dict[str, TorchDistributionMixin]:
        """Draw a group at its auxiliary site, and return the part of each of its sites."""
        distribution = self.joint_distribution(group)
        infer: InferDict = {"is_auxiliary": True}
        joint = pyro.sample(group, distribution, infer=infer)  # (*S, P)

        names = self.groups[group]
        pieces = joint.split(self._sizes(group), -1)

        parts = {}
        for name, noise in zip(names, pieces, strict=True):
            parts[name] = self.part(self.sites[name], noise, distribution)

        return parts

    def _log_volume(self, site: Site, value: Tensor) -> Tensor:
        """Return log |dz / du|, (*S, *batch), at an unconstrained value (*S, *batch, *event)."""
        event_dim = self.loc[site.name].dim() - len(site.prior.batch_shape)

        transform = biject_to(site.support)
        log_jacobian = transform.log_abs_det_jacobian(value, transform(value))
        num_summed = event_dim - transform.domain.event_dim
        log_jacobian = sum_rightmost(log_jacobian, num_summed)

        log_scale = self.scale(site.name).log()
        log_scale = sum_rightmost(log_scale, event_dim)

        return log_jacobian + log_scale

    def _standardised(self, name: str, value: Tensor) -> Tensor:
        """Return the elements u (*S, P_site) that give a site its value (*S, *shape)."""
        site = self.sites[name]
        raw = biject_to(site.support).inv(value)

        loc = self.loc[name]
        noise = (raw - loc) / self.scale(name)

        num_sample_dims = noise.dim() - loc.dim()
        sample_shape = noise.shape[:num_sample_dims]

        return noise.reshape(*sample_shape, -1)
