"""The checks of a model before it is sampled: they make its `Program` or refuse it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, cast

import pyro
import torch
from pyro import poutine
from pyro.distributions.torch_distribution import TorchDistributionMixin
from pyro.poutine import Trace
from torch import Tensor
from torch.utils._pytree import tree_map_only

from zoo.inference.mcmc.density.deterministic import deterministic_sites
from zoo.inference.mcmc.density.program import Program, evaluating
from zoo.model import BayesianNetwork
from zoo.runtime.caller import stack_level
from zoo.runtime.distributions import support_of
from zoo.runtime.network_call import copied
from zoo.runtime.programs import PyroProgram
from zoo.runtime.sites import stochastic
from zoo.runtime.turn import turn


def make_program(
    model: BayesianNetwork | PyroProgram,
    data: tuple[Any, ...],
    dtype: torch.dtype | None = None,
) -> Program:
    """Check a model and return it as a program.

    Arguments:
        model: A Bayesian network or any Pyro model.
        data: Inputs and targets of a Bayesian network, or the arguments of a Pyro model.
        dtype: Precision of the chains, that of the model by default.

    Raises:
        ValueError: The model has a point estimate, a discrete site, a subsampled plate, or
            a support that changes between runs. Hamiltonian dynamics needs a fixed,
            continuous space.
    """
    if isinstance(model, BayesianNetwork):
        return _network_program(model, data, dtype)

    return _pyro_program(model, data, dtype)


def _pyro_program(
    model: PyroProgram, data: tuple[Any, ...], dtype: torch.dtype | None
) -> Program:
    """Run a Pyro model twice, check its sites, and return it as a program."""
    first, second, points = _two_traces(model, data)
    _refuse_points(points, "use fixed values instead of pyro.param")
    _refuse_subsampling(first)

    sites = _latent_sites(first)
    latents = {name: site["fn"] for name, site in sites.items()}
    _refuse_discrete(latents)

    if not latents:
        raise ValueError("the model has no latent site, so there is nothing to sample")

    _refuse_changes(latents, second)

    inits = {}
    for name, site in sites.items():
        if "init" in site["infer"]:
            inits[name] = site["infer"]["init"]

    like = next(iter(sites.values()))["value"]
    own_dtype = like.dtype
    chain_dtype = dtype or own_dtype

    return Program(
        model,
        _cast(data, chain_dtype),
        latents,
        inits,
        like.to(chain_dtype),
        own_dtype,
        prior_data=data,
        deterministic=deterministic_sites(first),
    )


def _two_traces(
    model: PyroProgram, data: tuple[Any, ...]
) -> tuple[Trace, Trace, list[str]]:
    """Return the traces of two runs and the names of the parameters that the model states."""
    store = pyro.get_param_store()

    without_parameters = store.scope(state={"params": {}, "constraints": {}})
    with turn(), without_parameters, torch.random.fork_rng():
        with torch.no_grad(), evaluating(model):
            first = poutine.trace(model).get_trace(*data)
            second = poutine.trace(model).get_trace(*data)

        points = sorted(store.keys())

    return first, second, points


def _latent_sites(trace: Trace) -> dict[str, dict]:
    """Return the sites of a trace that are not observed."""
    latent = {}
    for name, site in stochastic(trace).items():
        if not site["is_observed"]:
            latent[name] = site

    return latent


def _network_program(
    model: BayesianNetwork, data: tuple[Any, ...], dtype: torch.dtype | None
) -> Program:
    """Check a Bayesian network and return it as a program, in evaluation mode."""
    remedy = "write weights=priors.Frozen() to keep the values of the network"
    _refuse_points(list(model.plan.points), remedy)
    learned = "the scales of a fit, priors.Learned.fixed(posterior)"
    _refuse_points(list(model.plan.learned(model.network)), f"write {learned}")
    _refuse_discrete(model.latents)
    _warn_of_batch_normalisation(model)

    own_dtype = model.first_parameter.dtype
    if dtype not in (None, own_dtype):
        model = copied(model).to(dtype)
        data = _cast(data, dtype)

    buffers = {}
    for name, value in model.network.named_buffers():
        buffers[name] = value.detach().clone()

    inits = model.plan.inits(model.network)
    like = model.first_parameter

    computed = frozenset(model.plan.reparameterised())

    return Program(
        model,
        data,
        model.latents,
        inits,
        like,
        own_dtype,
        buffers=buffers,
        deterministic=computed,
    )


def _warn_of_batch_normalisation(model: BayesianNetwork) -> None:
    """Warn if the network normalises batches."""
    kinds = {type(layer).__name__ for layer in model.network.modules()}
    if any(kind.startswith(("BatchNorm", "SyncBatchNorm")) for kind in kinds):
        warnings.warn(
            "the network has batch normalisation; a sampler uses its running statistics "
            "and does not update them",
            stacklevel=stack_level(),
        )


def _cast(data: tuple[Any, ...], dtype: torch.dtype) -> tuple[Any, ...]:
    """Convert floating-point tensors among the arguments of a model to a dtype."""

    def converted(tensor: Tensor) -> Tensor:
        return tensor.to(dtype) if tensor.is_floating_point() else tensor

    return tree_map_only(Tensor, converted, data)


def _refuse_points(points: Sequence[str], remedy: str) -> None:
    """Refuse point estimates, because a sampler does not optimise."""
    if points:
        more = ", ..." if len(points) > 3 else ""
        names = ", ".join(points[:3]) + more
        raise ValueError(
            "a sampler does not optimise point estimates, but this model has "
            f"{names}; give them a distribution, or {remedy}"
        )


def _refuse_subsampling(trace: Trace) -> None:
    """Refuse a plate that subsamples the data."""
    nodes = cast(Mapping[str, Any], trace.nodes)
    for name, site in nodes.items():
        is_subsample = poutine.util.site_is_subsample(site)
        if is_subsample and len(site["value"]) < site["fn"].size:
            raise ValueError(
                f"plate {name!r} subsamples the data, but a sampler needs all data: "
                "omit subsample_size"
            )


def _refuse_discrete(latents: Mapping[str, TorchDistributionMixin]) -> None:
    """Refuse discrete sites."""
    for name, prior in latents.items():
        if support_of(prior).is_discrete:
            base = getattr(prior, "base_dist", prior)
            kind = type(base).__name__
            raise ValueError(
                f"site {name!r} is discrete ({kind}), but Hamiltonian dynamics needs "
                "continuous sites; use guides.MCDropout, or a Normal prior"
            )


def _refuse_changes(
    latents: Mapping[str, TorchDistributionMixin], second: Trace
) -> None:
    """Refuse sites that are missing, or have another support, in a second run."""
    sites = stochastic(second)
    for name, prior in latents.items():
        support = str(prior.support)

        is_missing = name not in sites
        if is_missing or str(sites[name]["fn"].support) != support:
            raise ValueError(
                f"site {name!r} or its support changes from run to run ({support}); state "
                "a site of fixed support, e.g. dist.Uniform(0, 1), and compute with its value"
            )
