"""The base of guides that draw the numbers of several sites together, as one vector in unconstrained space."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from pyro.distributions.util import sum_rightmost
from torch import Tensor
from torch.distributions import biject_to
from torch.distributions.transforms import ReshapeTransform

from guides._base.part import Part
from guides._base.site import Site, unconstrained
from guides.mean_field import MeanField


class Joint(MeanField):
    r"""Normals whose standardised noise has a joint law: z = T(loc + scale ∘ u), u ~ q(u) for a group of sites.

    .. math:: \log q(z) = \log q(u) - \sum_i \log \text{scale}_i - \log |\det T'|

    A member gives the law of u, which is drawn at an auxiliary site; each model site is
    a part of it. Sites of no group are mean-field normal.

    Arguments:
        model: A Pyro model.
        groups: Names of the sites that are drawn together, by the name of their
            auxiliary site.
        init_scale: Scale of every number at the start, in unconstrained space.
        max_scale: Ceiling of the scales, none by default.
        example: Arguments to run the model with once; the zoo's models need none.
    """

    def __init__(
        self,
        model: Callable[..., object],
        groups: Callable[[Mapping[str, Site]], dict[str, list[str]]],
        *,
        init_scale: float,
        max_scale: float | None,
        example: tuple,
    ) -> None:
        super().__init__(
            model, init_scale=init_scale, max_scale=max_scale, example=example
        )
        self.groups = groups(self.sites)

    def law(self, group: str) -> TorchDistributionMixin:
        """Return the law of a group's standardised numbers u (P,)."""
        raise NotImplementedError

    def marginal(self, name: str) -> TorchDistributionMixin:
        """Return the law of one site's numbers, flat and in unconstrained space."""
        raise NotImplementedError

    def size(self, group: str) -> int:
        """Count the numbers P of a group."""
        return sum(self.loc[name].numel() for name in self.groups[group])

    def rows(self, name: str) -> tuple[str, slice]:
        """Return the group of a site, and where in it the site's numbers are."""
        for group, names in self.groups.items():
            if name in names:
                start = sum(
                    self.loc[other].numel() for other in names[: names.index(name)]
                )
                return group, slice(start, start + self.loc[name].numel())
        raise KeyError(name)

    def forward(self, *args: object, **kwargs: object) -> dict[str, Tensor]:
        """Sample each group at its auxiliary site, then the sites in the model's order."""
        parts: dict[str, TorchDistributionMixin] = {}
        for group, names in self.groups.items():
            law = self.law(group)
            joint = pyro.sample(group, law, infer={"is_auxiliary": True})  # (*S, P)
            sizes = [self.loc[name].numel() for name in names]
            parts |= {
                name: self.part(self.sites[name], noise, law)
                for name, noise in zip(names, joint.split(sizes, -1), strict=True)
            }
        return {
            name: self.sample(
                site, parts[name] if name in parts else self.distribution(site)
            )
            for name, site in self.sites.items()
        }

    def part(
        self, site: Site, noise: Tensor, law: TorchDistributionMixin
    ) -> TorchDistributionMixin:
        """Return what a site gets of a joint draw from `law`, its own numbers (*S, P_site)."""
        loc = self.loc[site.name]
        value = loc + self.scale(site.name) * noise.reshape(
            noise.shape[:-1] + loc.shape
        )
        return JointPart(
            biject_to(site.support)(value),
            self.log_volume(site, value),
            site.prior.event_dim,
        )

    def log_volume(self, site: Site, value: Tensor) -> Tensor:
        """Return log |dz / du| of a site at its unconstrained value (*S, *batch, *event), (*S, *batch)."""
        transform, event_dim = (
            biject_to(site.support),
            self.loc[site.name].dim() - len(site.prior.batch_shape),
        )
        slope = transform.log_abs_det_jacobian(value, transform(value))
        slope = sum_rightmost(slope, event_dim - transform.domain.event_dim)
        return slope + sum_rightmost(self.scale(site.name).log(), event_dim)

    def log_prob(self, values: Mapping[str, Tensor]) -> Tensor:
        """Return the log density of values (*S, *shape) of all sites together, (*S)."""
        total: Tensor | float = sum(
            self.site_log_prob(name, values[name]) for name in self.sites
        )
        for group, names in self.groups.items():
            noise = [self.noise(name, values[name]) for name in names]
            total = total + self.law(group).log_prob(torch.cat(noise, -1))
        return total

    def site_log_prob(self, name: str, value: Tensor) -> Tensor:
        """Return the log density of one site, (*S), or of a part of a joint draw what it adds to the joint one."""
        if not self.is_part(name):
            return super().site_log_prob(name, value)
        site = self.sites[name]
        volume = self.log_volume(site, biject_to(site.support).inv(value))
        return -sum_rightmost(volume, len(site.prior.batch_shape))

    def is_part(self, name: str) -> bool:
        """Tell whether a site is drawn together with others."""
        return any(name in names for names in self.groups.values())

    def noise(self, name: str, value: Tensor) -> Tensor:
        """Return the standardised numbers (*S, P_site) behind a site's value."""
        value = biject_to(self.sites[name].support).inv(value)
        loc = self.loc[name]
        noise = (value - loc) / self.scale(name)
        return noise.reshape(*noise.shape[: noise.dim() - loc.dim()], -1)

    def distribution(self, site: Site) -> TorchDistributionMixin:
        """Return the marginal law of a site, correlations with other sites dropped; its plates are one event."""
        if not self.is_part(site.name):
            return super().distribution(site)
        law, shape = self.marginal(site.name), self.loc[site.name].shape
        transforms = [ReshapeTransform(law.event_shape, shape)]
        if not site.is_real:
            transforms.append(site.transform)
        return dist.TransformedDistribution(law, transforms)


class JointPart(Part):
    """One site's part of a joint draw, with the log volume that the joint density lacks.

    No `Delta`, for which Pyro has a closed-form divergence that forgets the volume.
    """

    def __init__(self, value: Tensor, log_volume: Tensor, event_dim: int) -> None:
        super().__init__(value, event_dim)
        self.log_volume = log_volume

    def log_prob(self, value: Tensor) -> Tensor:
        """Return minus the log volume."""
        return -self.log_volume.expand(self.batch_shape)


def grouped(
    per: str, names: Sequence[str] | None
) -> Callable[[Mapping[str, Site]], dict[str, list[str]]]:
    """Return what puts sites into groups: one of all, or one for each layer, which share the name's prefix.

    A group of a single number has no correlations and is left out.

    Arguments:
        per: "layer" or "all".
        names: The sites to group, None for every one.
    """
    if per not in ("layer", "all"):
        raise ValueError(f"per is 'layer' or 'all', not {per!r}")

    def group(sites: Mapping[str, Site]) -> dict[str, list[str]]:
        groups: dict[str, list[str]] = {}
        for name in chosen(sites, names):
            prefix = name.rpartition(".")[0] if per == "layer" else ""
            groups.setdefault(f"{prefix}:joint".lstrip(":"), []).append(name)
        sizes = {
            key: sum(unconstrained(sites[name]).numel() for name in group)
            for key, group in groups.items()
        }
        return {key: group for key, group in groups.items() if sizes[key] > 1}

    return group


def chosen(sites: Mapping[str, Site], names: Sequence[str] | None) -> list[str]:
    """Return the named sites, all where None is named, in the order of the model."""
    unknown = sorted(set(names or ()) - sites.keys())
    if unknown or (names is not None and not names):
        raise ValueError(
            f"sites={list(names)} names no site of the model at {unknown}; it has {', '.join(sites)}"
        )
    return [name for name in sites if names is None or name in names]
