"""What a sampler needs to know of a Pyro model with its data: its continuous sites, and its log joint at their values."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

import pyro
import torch
from pyro import poutine
from pyro.distributions.torch_distribution import TorchDistributionMixin
from pyro.poutine import Trace
from torch import Tensor

from zoo.distribution import support_of
from zoo.effects import Given
from zoo.forward import mode
from zoo.inference.elbo import stochastic
from zoo.model import BayesianNetwork


@dataclass(frozen=True)
class Program:
    """A Pyro model with its data.

    Arguments:
        model: The Pyro model.
        data: What it is called with.
        latents: The prior of every latent site by name.
        starts: The value that a site says it starts at, where it says one.
        reference: A tensor with the device and dtype of the sites.
        buffers: A network's buffers, as they stay.
    """

    model: Callable[..., object]
    data: tuple
    latents: Mapping[str, TorchDistributionMixin]
    starts: Mapping[str, Tensor]
    reference: Tensor
    buffers: Mapping[str, Tensor] = field(default_factory=dict)

    def trace(self, values: Mapping[str, Tensor]) -> Trace:
        """Run the model with its latent sites at given values."""
        conditioned = poutine.condition(self.model, data=dict(values))
        with Given(self.buffers):
            return poutine.trace(conditioned).get_trace(*self.data)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run without validation, which is not traceable, and a network in evaluation mode."""
        network = getattr(self.model, "network", None)
        with (
            pyro.validation_enabled(False),
            mode(network, training=False) if isinstance(self.model, BayesianNetwork) else nullcontext(),
        ):
            yield


def program_of(model: Callable[..., object], data: tuple) -> Program:
    """Look at a model once: one of the zoo's, with its inputs and targets, or any Pyro model, with its arguments.

    Raises:
        ValueError: A point estimate, a discrete site or a subsampled plate: what there is no Hamiltonian dynamics of.
    """
    if isinstance(model, BayesianNetwork):
        return network_program(model, data)
    with pyro.get_param_store().scope(), torch.random.fork_rng(), torch.no_grad():
        trace = poutine.trace(model).get_trace(*data)
        points = sorted(pyro.get_param_store().keys())
    refuse_points(points)
    subsampled = [name for name, site in trace.nodes.items() if site["type"] == "sample" and "subsample" in site["infer"]]
    for name in subsampled:
        raise ValueError(f"plate {name!r} subsamples the data, and a sampler needs all of them: leave subsample_size away")
    sites = {name: site for name, site in stochastic(trace).items() if not site["is_observed"]}
    latents = {name: site["fn"] for name, site in sites.items()}
    refuse_discrete(latents)
    if not latents:
        raise ValueError("the model has no latent site, so there is nothing to sample")
    reference = next(iter(sites.values()))["value"]
    starts = {name: site["infer"]["init"] for name, site in sites.items() if "init" in site["infer"]}
    return Program(model, data, latents, starts, reference)


def network_program(model: BayesianNetwork, data: tuple) -> Program:
    """Look at a Bayesian network, and say what becomes of batch normalisation."""
    refuse_points(list(model.plan.points))
    refuse_discrete(model.latents)
    kinds = {type(layer).__name__ for layer in model.network.modules()}
    if any(kind.startswith(("BatchNorm", "SyncBatchNorm")) for kind in kinds):
        warnings.warn("the network normalises batches; a sampler uses its running statistics as they are", stacklevel=7)
    buffers = {name: value.detach().clone() for name, value in model.network.named_buffers()}
    starts = {name: infer["init"] for name, (_, infer) in model.plan.priors(model.network).items()}
    return Program(model, data, model.latents, starts, model.reference, buffers)


def refuse_points(points: list[str]) -> None:
    """Refuse point estimates, which nothing optimises here."""
    if points:
        names = ", ".join(points[:3]) + (", ..." if len(points) > 3 else "")
        raise ValueError(
            f"a sampler has nothing that optimises point estimates, but this model has {names}; give them a "
            "distribution, or keep the network's values by weights=priors.Frozen()"
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
