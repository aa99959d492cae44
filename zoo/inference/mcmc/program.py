"""What a sampler needs to know of a Pyro model with its data: its continuous sites, and how it runs."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

import pyro
import torch
from pyro import poutine
from pyro.distributions.torch_distribution import TorchDistributionMixin
from pyro.poutine import Trace
from torch import Tensor, nn

from zoo.inference.sites import stochastic
from zoo.model import BayesianNetwork
from zoo.runtime.caller import stack_level
from zoo.runtime.distributions import is_proper, support_of
from zoo.runtime.effects import Substitute
from zoo.runtime.modes import evaluation_mode


@dataclass(frozen=True)
class Program:
    """A Pyro model with its data.

    Arguments:
        model: The Pyro model.
        data: What it is called with.
        latents: The prior of every latent site by name.
        inits: The value that a site says it starts at, where it says one.
        reference: A tensor with the device and dtype that chains have.
        dtype: The model's own dtype.
        prior: What the model is called with to draw its latent sites.
        buffers: A network's buffers, as they stay.
    """

    model: Callable[..., object]
    data: tuple
    latents: Mapping[str, TorchDistributionMixin]
    inits: Mapping[str, Tensor]
    reference: Tensor
    dtype: torch.dtype
    prior: tuple = ()
    buffers: Mapping[str, Tensor] = field(default_factory=dict)

    def trace(self, values: Mapping[str, Tensor]) -> Trace:
        """Run the model with its latent sites at given values."""
        conditioned = poutine.condition(self.model, data=dict(values))
        with Substitute(self.buffers):
            return poutine.trace(conditioned).get_trace(*self.data)

    def prior_draw(self, own: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Draw every latent site from the prior; where that is improper, it is the site's own value."""
        fixed = {
            name: own[name]
            for name, prior in self.latents.items()
            if not is_proper(prior)
        }
        trace = poutine.trace(poutine.condition(self.model, data=fixed)).get_trace(
            *self.prior
        )
        return {
            name: trace.nodes[name]["value"].to(self.reference) for name in self.latents
        }

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run without validation, which is not traceable, without autograd, and modules in evaluation mode."""
        with torch.no_grad(), pyro.validation_enabled(False), evaluating(self.model):
            yield


def program_of(
    model: Callable[..., object], data: tuple, dtype: torch.dtype | None = None
) -> Program:
    """Look at a model once: one of the zoo's, with its inputs and targets, or any Pyro model, with its arguments.

    Raises:
        ValueError: A point estimate, a discrete site, a subsampled plate, a support
            that moves: what there is no Hamiltonian dynamics of.
    """
    if isinstance(model, BayesianNetwork):
        return network_program(model, data, dtype)
    with (
        pyro.get_param_store().scope(state={"params": {}, "constraints": {}}),
        torch.random.fork_rng(),
    ):
        with torch.no_grad(), evaluating(model):
            trace, again = (poutine.trace(model).get_trace(*data) for _ in range(2))
        points = sorted(pyro.get_param_store().keys())
    refuse_points(points, "close over their values")
    for name, site in trace.nodes.items():
        if (
            poutine.util.site_is_subsample(site)
            and len(site["value"]) < site["fn"].size
        ):
            raise ValueError(
                f"plate {name!r} subsamples the data, and a sampler needs all: leave subsample_size away"
            )
    sites = {
        name: site
        for name, site in stochastic(trace).items()
        if not site["is_observed"]
    }
    latents = {name: site["fn"] for name, site in sites.items()}
    refuse_discrete(latents)
    if not latents:
        raise ValueError("the model has no latent site, so there is nothing to sample")
    for name, prior in latents.items():
        if name not in again or str(again.nodes[name]["fn"].support) != str(
            prior.support
        ):
            raise ValueError(
                f"site {name!r} or its support changes from run to run ({prior.support}); state a site of fixed "
                "support, dist.Uniform(0, 1) say, and compute with its value"
            )
    reference = next(iter(sites.values()))["value"]
    inits = {
        name: site["infer"]["init"]
        for name, site in sites.items()
        if "init" in site["infer"]
    }
    own = reference.dtype
    return Program(
        model,
        cast(data, dtype or own),
        latents,
        inits,
        reference.to(dtype or own),
        own,
        prior=data,
    )


def network_program(
    model: BayesianNetwork, data: tuple, dtype: torch.dtype | None
) -> Program:
    """Look at a Bayesian network, and say what becomes of batch normalisation."""
    refuse_points(
        list(model.plan.points), "keep the network's values by weights=priors.Frozen()"
    )
    refuse_discrete(model.latents)
    kinds = {type(layer).__name__ for layer in model.network.modules()}
    if any(kind.startswith(("BatchNorm", "SyncBatchNorm")) for kind in kinds):
        warnings.warn(
            "the network normalises batches; a sampler uses its running statistics as they are",
            stacklevel=stack_level(),
        )
    own = model.first_parameter.dtype
    if dtype not in (None, own):
        model, data = copy.deepcopy(model).to(dtype), cast(data, dtype)
    buffers = {
        name: value.detach().clone() for name, value in model.network.named_buffers()
    }
    inits = model.plan.inits(model.network)
    return Program(
        model, data, model.latents, inits, model.first_parameter, own, buffers=buffers
    )


def cast(data: tuple, dtype: torch.dtype) -> tuple:
    """Give floating tensors among a model's arguments a dtype."""
    return tuple(
        part.to(dtype)
        if isinstance(part, Tensor) and part.is_floating_point()
        else part
        for part in data
    )


def evaluating(model: Callable[..., object]) -> object:
    """Put a model that is a module into evaluation mode for a while."""
    return evaluation_mode(model) if isinstance(model, nn.Module) else nullcontext()


def refuse_points(points: list[str], remedy: str) -> None:
    """Refuse point estimates, which nothing optimises here."""
    if points:
        names = ", ".join(points[:3]) + (", ..." if len(points) > 3 else "")
        raise ValueError(
            f"a sampler has nothing that optimises point estimates, but this model has {names}; give them a "
            f"distribution, or {remedy}"
        )


def refuse_discrete(latents: Mapping[str, TorchDistributionMixin]) -> None:
    """Refuse discrete sites."""
    for name, prior in latents.items():
        if support_of(prior).is_discrete:
            base = getattr(prior, "base_dist", prior)
            raise ValueError(
                f"site {name!r} is discrete ({type(base).__name__}), and Hamiltonian dynamics needs "
                "continuous ones; use guides.MCDropout, or a Normal prior"
            )
