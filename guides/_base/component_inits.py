"""Initial values for the components of a mixture of guides."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import pyro
import torch
from pyro import poutine
from torch import Tensor
from torch.distributions import biject_to

from guides._base.program import PyroModel
from guides._base.site import Site


def draw_inits(sites: Mapping[str, Site], init_spread: float) -> dict[str, Tensor]:
    """Draw initial values around the model's own, by site name; discrete sites are left out.

    Arguments:
        sites: The latent sites of a model.
        init_spread: Standard deviation of the values in unconstrained space.
    """
    values = {}
    for name, site in sites.items():
        if not site.is_discrete:
            transform = biject_to(site.support)
            loc = transform.inv(site.init)
            values[name] = transform(loc + init_spread * torch.randn_like(loc))

    return values


def prior_inits(
    model: PyroModel, sites: Mapping[str, Site], example: tuple[Any, ...]
) -> dict[str, Tensor]:
    """Draw initial values from the prior, by site name; discrete sites are left out.

    A site with an improper prior, which has no draws, keeps the model's initial value.

    Arguments:
        model: The model.
        sites: Its latent sites.
        example: Arguments to run the model with.
    """
    fixed = {}
    for name, site in sites.items():
        if not site.is_proper:
            fixed[name] = site.init

    alone = getattr(model, "turn", nullcontext)  # handlers act on all threads
    conditioned = poutine.condition(model, data=fixed)
    with alone(), torch.no_grad(), pyro.get_param_store().scope(), poutine.block():
        nodes = poutine.trace(conditioned).get_trace(*example).nodes

    values = {}
    for name, site in sites.items():
        if not site.is_discrete:
            values[name] = nodes[name]["value"].detach()

    return values


def given_inits(
    sites: Mapping[str, Site], values: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return the values that belong to sites.

    Arguments:
        sites: The latent sites of a model.
        values: What the user's `inits()` returned.

    Raises:
        ValueError: No value belongs to a site, or one has the wrong shape.
    """
    found = {}
    for name, site in sites.items():
        if name in values:
            found[name] = values[name].detach().to(site.init)

    if not found:
        names = ", ".join(sites)
        raise ValueError(
            f"inits() has no value for any of the sites {names}; it has {[*values]}"
        )

    for name, value in found.items():
        expected = tuple(sites[name].init.shape)
        shape = tuple(value.shape)
        if shape != expected:
            raise ValueError(
                f"inits() gives site {name!r} a value of shape {shape}; write one of {expected}"
            )

    return found


def initialised_at(model: PyroModel, values: Mapping[str, Tensor]) -> PyroModel:
    """Return the model with other initial values for a guide."""

    def config(site: Any) -> Any:
        name = site["name"]
        if name not in values:
            return {}

        return {"init": values[name]}

    return poutine.infer_config(model, config)
