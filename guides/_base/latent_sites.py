"""The latent sites of a model, read from one run of it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import pyro
import torch
from pyro import poutine
from pyro.infer.autoguide.initialization import InitMessenger, init_to_feasible
from pyro.nn import PyroModule
from torch import Tensor, nn
from torch.distributions import biject_to
from torch.distributions.constraints import Constraint

from guides._base.program import PyroModel
from guides._base.site import Site, support_of

_Node = Any  # a site of a trace, in Pyro a dictionary


def latent_sites(model: PyroModel, example: tuple[Any, ...]) -> dict[str, Site]:
    """Run a model once and return its latent sites with their initial values.

    Arguments:
        model: A Pyro model.
        example: Arguments to run the model with.

    Raises:
        ValueError: The model does not run on `example`, or has no latent site, or has one
            in a subsampled plate.
    """
    nodes = _run(model, example)

    sites = {}
    for name, node in nodes.items():
        if _is_latent(node):
            sites[name] = _site(name, node)

    if not sites:
        raise ValueError(_without_sites(model))

    return sites


def _run(model: PyroModel, example: tuple[Any, ...]) -> Mapping[str, _Node]:
    """Run a model at its initial values, without effects on random numbers or parameters."""
    alone = getattr(model, "turn", nullcontext)  # handlers act on all threads
    with (
        alone(),
        torch.random.fork_rng(),
        torch.no_grad(),
        pyro.get_param_store().scope(),
        poutine.block(),
        InitMessenger(_initial_value),
    ):
        try:
            return poutine.trace(model).get_trace(*example).nodes
        except TypeError as error:
            raise ValueError(_does_not_run(model, example, error)) from error


def _initial_value(site: _Node) -> Tensor:
    """Return the initial value that the model gives a site, else a feasible one.

    A network's own weights may be outside the support of their prior, such as negative ones
    under a gamma distribution. They are then taken as values in unconstrained space, so
    that different weights stay different.
    """
    init = site["infer"].get("init")
    if init is None:
        return init_to_feasible(site)

    support = support_of(site["fn"])
    if _is_usable(init, support):
        return init

    transform = biject_to(support)
    if transform.inverse_shape(init.shape) == init.shape:
        return transform(init)

    return init_to_feasible(site)


def _is_usable(init: Tensor, support: Constraint) -> bool:
    """Return whether a value is in a support and finite in unconstrained space."""
    if support.is_discrete:
        return True

    if not bool(support.check(init).all()):
        return False

    return bool(biject_to(support).inv(init).isfinite().all())


def _is_latent(node: _Node) -> bool:
    """Return whether a site of a trace is drawn, not observed and not a subsample of a plate."""
    if node["type"] != "sample" or node["is_observed"]:
        return False

    return not poutine.util.site_is_subsample(node)


def _site(name: str, node: _Node) -> Site:
    """Make the `Site` of a latent site of a trace."""
    frames = tuple(frame for frame in node["cond_indep_stack"] if frame.vectorized)
    for frame in frames:
        if frame.full_size not in (None, frame.size):
            raise ValueError(
                f"site {name!r} is in a subsampled plate, and a guide has no value for data "
                "outside the batch; omit subsample_size, or write an amortised guide for it"
            )

    init = node["value"].detach().clone()

    return Site(name, node["fn"], init, node["infer"], frames)


def _is_network(model: PyroModel) -> bool:
    """Return whether a model is a module but not one of Pyro's: it may be a plain network."""
    return isinstance(model, nn.Module) and not isinstance(model, PyroModule)


def _described(model: PyroModel) -> str:
    """Return the class of a module, whose repr may be very long, and the repr of another model."""
    if isinstance(model, nn.Module):
        return f"the {type(model).__name__}"

    return repr(model)


def _does_not_run(model: PyroModel, example: tuple[Any, ...], error: TypeError) -> str:
    """Return the message for a model that does not take the arguments of `example`."""
    described = _described(model)
    message = (
        f"a guide runs its model once to find the latent sites, but {described} did not run on "
        f"{len(example)} arguments ({error}). If the model needs data, write example=(x, y)."
    )
    if _is_network(model):
        message += (
            " If it is a network and not a Pyro model, make it a model first: "
            "zoo.BayesianNetwork(network, prior, likelihood)."
        )

    return message


def _without_sites(model: PyroModel) -> str:
    """Return the message for a model without latent sites."""
    message = f"{_described(model)} has no latent site, so a guide has nothing to fit"
    if _is_network(model):
        message += (
            "; a guide needs a Pyro model, not a network; write "
            "zoo.BayesianNetwork(network, prior, likelihood)"
        )

    return message
