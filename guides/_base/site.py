"""A latent site of a model: its name, prior and starting value, read from one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pyro
import torch
from pyro import poutine
from pyro.distributions import constraints
from pyro.distributions.torch_distribution import TorchDistributionMixin
from pyro.infer.autoguide.initialization import InitMessenger, init_to_feasible
from torch import Tensor
from torch.distributions import ComposeTransform, biject_to


class Onto(ComposeTransform):
    """The transform of `biject_to`, that knows its image: torch takes an affine one's to be all real numbers.

    Without it the distribution that a guide hands on as the next prior would allow what
    the site cannot be.
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
        init: The value where the guide starts: what the model says (`infer={"init":
            value}`), else Pyro's usual.
        infer: The site's `infer` dictionary.
        frames: The plates it is in.
    """

    name: str
    prior: TorchDistributionMixin
    init: Tensor
    infer: Mapping[str, object] = field(default_factory=dict)
    frames: tuple = ()

    @property
    def support(self) -> constraints.Constraint:
        """The values that the site can take; of a mixture, those of its components."""
        support, event_dim = self.prior.support, 0
        if isinstance(support, constraints.independent):
            support, event_dim = (
                support.base_constraint,
                support.reinterpreted_batch_ndims,
            )
        if isinstance(support, constraints.MixtureSameFamilyConstraint):
            support = support.base_constraint
        return constraints.independent(support, event_dim) if event_dim else support

    @property
    def transform(self) -> Onto:
        """The transform from all real numbers to the support."""
        return Onto(self.support)

    @property
    def is_real(self) -> bool:
        """Whether the site's support is unbounded, so that no transform is needed."""
        support = self.support
        while isinstance(support, constraints.independent):
            support = support.base_constraint
        return support in (constraints.real, constraints.real_vector)

    @property
    def is_node(self) -> bool:
        """Whether the model says that the site multiplies the channels of a layer."""
        return bool(self.infer.get("node"))

    @property
    def is_binary(self) -> bool:
        """Whether the site is made of zeros and ones."""
        return (
            "Bernoulli" in type(getattr(self.prior, "base_dist", self.prior)).__name__
        )

    @property
    def is_proper(self) -> bool:
        """Whether the prior integrates to one; an improper one says `improper = True`."""
        prior = self.prior
        while isinstance(prior, pyro.distributions.Independent):
            prior = prior.base_dist
        return not (
            getattr(prior, "improper", False)
            or isinstance(prior, pyro.distributions.ImproperUniform)
        )


def latent_sites(model: Callable[..., object], example: tuple) -> dict[str, Site]:
    """Run a model once and return its latent sites with their starting values."""
    start = InitMessenger(
        lambda site: (
            site["infer"]["init"] if "init" in site["infer"] else init_to_feasible(site)
        )
    )
    with (
        torch.random.fork_rng(),
        torch.no_grad(),
        pyro.get_param_store().scope(),
        poutine.block(),
        start,
    ):
        try:
            nodes = poutine.trace(model).get_trace(*example).nodes
        except TypeError as error:
            raise ValueError(
                f"a guide runs its model once to learn the latent sites, and {model!r} did not run on "
                f"{len(example)} arguments ({error}); give it some by example=(x, y)"
            ) from error
    latent = {
        name: node
        for name, node in nodes.items()
        if node["type"] == "sample"
        and not node["is_observed"]
        and not poutine.util.site_is_subsample(node)
    }
    if not latent:
        raise ValueError(f"{model!r} has no latent site, so there is nothing to guide")
    sites = {}
    for name, node in latent.items():
        frames = tuple(frame for frame in node["cond_indep_stack"] if frame.vectorized)
        if any(frame.full_size not in (None, frame.size) for frame in frames):
            raise ValueError(
                f"site {name!r} is in a subsampled plate; a guide over it needs amortisation"
            )
        sites[name] = Site(
            name, node["fn"], node["value"].detach().clone(), node["infer"], frames
        )
    return sites


def unconstrained(site: Site) -> Tensor:
    """Return the starting value of a site in unconstrained space."""
    if site.is_binary or site.support.is_discrete:
        raise ValueError(
            f"site {site.name!r} is discrete ({site.support}) and has no normal approximation; "
            "guides.MCDropout takes nodes that are Bernoulli"
        )
    return biject_to(site.support).inv(site.init)
