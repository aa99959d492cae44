"""The base of all guides: latent sites read from the model once, a distribution per site, sampled in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

import pyro
import torch
from pyro import poutine
from pyro.distributions import constraints
from pyro.distributions.torch_distribution import TorchDistributionMixin
from pyro.infer.autoguide.initialization import InitMessenger, init_to_feasible
from pyro.poutine.runtime import am_i_wrapped, effectful
from torch import Tensor, nn
from torch.distributions import biject_to


@dataclass(frozen=True)
class Site:
    """A latent site of the model.

    Arguments:
        name: Name of the site.
        prior: Its distribution when the guide was built.
        start: The value where the guide starts: what the model says (`infer={"init": value}`), else Pyro's usual.
        infer: The site's `infer` dictionary.
        frames: The plates it is in.
    """

    name: str
    prior: TorchDistributionMixin
    start: Tensor
    infer: Mapping[str, object] = field(default_factory=dict)
    frames: tuple = ()

    @property
    def support(self) -> constraints.Constraint:
        """The values that the site can take; of a mixture, those of its components."""
        support, event_dim = self.prior.support, 0
        if isinstance(support, constraints.independent):
            support, event_dim = support.base_constraint, support.reinterpreted_batch_ndims
        if isinstance(support, constraints.MixtureSameFamilyConstraint):
            support = support.base_constraint
        return constraints.independent(support, event_dim) if event_dim else support

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
        return "Bernoulli" in type(getattr(self.prior, "base_dist", self.prior)).__name__


class Guide(nn.Module):
    """A guide over exactly the latent sites of a Pyro model, with its parameters inside itself from the start.

    A member gives the distribution of a site; `bound` says whether the negative loss is a lower bound of the log
    evidence.

    Arguments:
        model: A Pyro model that runs on `example`; the zoo's run without arguments.
        example: Arguments to run the model with once.

    Raises:
        ValueError: The model cannot be run on `example`, or has a site that the family cannot represent.
    """

    bound = True

    def __init__(self, model: Callable[..., object], *, example: tuple = ()) -> None:
        super().__init__()
        self.sites = latent_sites(model, example)

    def distribution(self, site: Site) -> TorchDistributionMixin:
        """Return q of one site."""
        raise NotImplementedError

    def __call__(self, *args: object, **kwargs: object) -> dict[str, Tensor]:
        """Run the guide, its parameters stated first so that `pyro.infer.SVI` knows what to optimise."""
        if am_i_wrapped():
            for name, parameter in self.named_parameters():
                _state(parameter, name=f"{type(self).__name__}.{name}")
        return super().__call__(*args, **kwargs)

    def forward(self, *args: object, **kwargs: object) -> dict[str, Tensor]:
        """Sample every site; the arguments are the model's and are not looked at."""
        return {site.name: self.sample(site, self.distribution(site)) for site in self.sites.values()}

    def sample(self, site: Site, distribution: TorchDistributionMixin) -> Tensor:
        """State one site inside the plates that the model has it in."""
        with ExitStack() as plates:
            for frame in site.frames:
                plates.enter_context(pyro.plate(frame.name, frame.size, dim=frame.dim))
            return pyro.sample(site.name, distribution)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Guide:
        """Move what is known of the sites along with the parameters."""
        self.sites = {name: replace(site, start=fn(site.start)) for name, site in self.sites.items()}
        return super()._apply(fn, recurse)

    def num_parameters(self) -> int:
        """Count the numbers that a fit changes."""
        return sum(parameter.numel() for parameter in self.parameters() if parameter.requires_grad)


@effectful(type="param")
def _state(parameter: nn.Parameter) -> Tensor:
    """State a parameter to whoever collects parameters; it stays the guide's, out of Pyro's global store."""
    stated = parameter.view_as(parameter)
    stated.unconstrained = lambda: parameter  # what Pyro asks a stated parameter for
    return stated


class ByName(nn.Module):
    """Parameters by site name, nested so that the guide's `state_dict` says `loc.layer1.weight`."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        for name, tensor in tensors.items():
            *path, leaf = name.split(".")
            room: nn.Module = self
            for part in path:
                if part not in room._modules:
                    room.add_module(part, nn.Module())
                room = room._modules[part]
            room.register_parameter(leaf, nn.Parameter(tensor.detach().clone()))

    def __getitem__(self, name: str) -> Tensor:
        path, _, leaf = name.rpartition(".")
        return getattr(self.get_submodule(path), leaf)


def latent_sites(model: Callable[..., object], example: tuple) -> dict[str, Site]:
    """Run a model once and return its latent sites with their starting values."""
    start = InitMessenger(lambda site: site["infer"]["init"] if "init" in site["infer"] else init_to_feasible(site))
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
        if node["type"] == "sample" and not node["is_observed"] and not poutine.util.site_is_subsample(node)
    }
    if not latent:
        raise ValueError(f"{model!r} has no latent site, so there is nothing to guide")
    sites = {}
    for name, node in latent.items():
        frames = tuple(frame for frame in node["cond_indep_stack"] if frame.vectorized)
        if any(frame.full_size not in (None, frame.size) for frame in frames):
            raise ValueError(f"site {name!r} is in a subsampled plate; a guide over it needs amortisation")
        sites[name] = Site(name, node["fn"], node["value"].detach().clone(), node["infer"], frames)
    return sites


def unconstrained(site: Site) -> Tensor:
    """Return the starting value of a site in unconstrained space."""
    if site.is_binary or site.support.is_discrete:
        raise ValueError(
            f"site {site.name!r} is discrete ({site.support}) and has no normal approximation; "
            "guides.MCDropout takes nodes that are Bernoulli"
        )
    return biject_to(site.support).inv(site.start)
