"""A latent site of a model: its name, prior and initial value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyro
from pyro.distributions import constraints
from pyro.distributions.torch_distribution import TorchDistributionMixin
from pyro.poutine.indep_messenger import CondIndepStackFrame
from torch import Tensor
from torch.distributions import ComposeTransform, biject_to


class SupportTransform(ComposeTransform):
    """The transform of `biject_to` from all real numbers to a support, which is its codomain.

    The codomain of torch's affine transforms is all real numbers. With it, a
    distribution that a guide hands on as the next prior would allow values outside the
    support of the site.

    Arguments:
        support: The support.
    """

    def __init__(self, support: constraints.Constraint) -> None:
        self.image = support
        super().__init__([biject_to(support)])

    @constraints.dependent_property(is_discrete=False)
    def codomain(self) -> constraints.Constraint:
        """The support."""
        return self.image


@dataclass(frozen=True)
class Site:
    """A latent site of the model.

    Arguments:
        name: Name of the site.
        prior: Its distribution when the guide was built.
        init: Its initial value: the one that the model gives by `infer={"init": value}`,
            else Pyro's default.
        infer: The site's `infer` dictionary.
        frames: The plates that the site is in.
    """

    name: str
    prior: TorchDistributionMixin
    init: Tensor
    infer: Mapping[str, Any] = field(default_factory=dict)
    frames: tuple[CondIndepStackFrame, ...] = ()

    @property
    def support(self) -> constraints.Constraint:
        """The values that the site can take; for a mixture, those of its components."""
        return support_of(self.prior)

    @property
    def transform(self) -> SupportTransform:
        """The transform from all real numbers to the support."""
        return SupportTransform(self.support)

    @property
    def is_real(self) -> bool:
        """Whether the support is unbounded, so that no transform is needed."""
        support = self.support
        while isinstance(support, constraints.independent):
            support = support.base_constraint

        return support in (constraints.real, constraints.real_vector)

    @property
    def is_node(self) -> bool:
        """Whether the model marks the site as nodes, which multiply the channels of a layer."""
        return bool(self.infer.get("node"))

    @property
    def is_binary(self) -> bool:
        """Whether the elements of the site are zeros and ones."""
        base = getattr(self.prior, "base_dist", self.prior)
        return "Bernoulli" in type(base).__name__

    @property
    def is_discrete(self) -> bool:
        """Whether the site takes separate values, and so has no normal approximation."""
        return self.is_binary or self.support.is_discrete

    @property
    def is_proper(self) -> bool:
        """Whether the prior integrates to one; an improper prior has `improper = True`."""
        prior = self.prior
        while isinstance(prior, pyro.distributions.Independent):
            prior = prior.base_dist

        if isinstance(prior, pyro.distributions.ImproperUniform):
            return False

        return not getattr(prior, "improper", False)


def unconstrained(site: Site) -> Tensor:
    """Return the initial value of a site in unconstrained space.

    Raises:
        ValueError: The site is discrete.
    """
    if site.is_discrete:
        raise ValueError(
            f"site {site.name!r} is discrete ({site.support}) and has no normal approximation; "
            "guides.MCDropout takes nodes that are Bernoulli"
        )

    return biject_to(site.support).inv(site.init)


def support_of(distribution: TorchDistributionMixin) -> constraints.Constraint:
    """Return the support of a distribution; for a mixture, the support of its components.

    Torch has a transform for the support of the components, and none for that of the mixture.
    """
    support = distribution.support
    event_dim = 0

    if isinstance(support, constraints.independent):
        event_dim = support.reinterpreted_batch_ndims
        support = support.base_constraint

    if isinstance(support, constraints.MixtureSameFamilyConstraint):
        support = support.base_constraint

    if event_dim == 0:
        return support

    return constraints.independent(support, event_dim)
