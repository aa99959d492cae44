"""The sites of a trace that have a density, and the divergence of a guide's from a model's."""

from __future__ import annotations

from typing import Any, cast

import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.distributions.util import scale_and_mask
from pyro.poutine import Trace
from torch import Tensor
from torch.distributions import kl_divergence

from zoo.runtime.distributions import without_events
from zoo.runtime.normal_divergence import normal_divergence
from zoo.runtime.programs import PyroProgram

Site = dict[str, Any]  # a node of a Pyro trace


def log_prob(site: Site) -> Tensor:
    """Return the log density of a site at its value, scaled and masked by its plates."""
    distribution = site["fn"]
    args, kwargs = site["args"], site["kwargs"]
    density = distribution.log_prob(site["value"], *args, **kwargs)

    scaled = scale_and_mask(density, site["scale"], site["mask"])
    return scaled.sum()


def stochastic(trace: Trace) -> dict[str, Site]:
    """Return the sites of a trace that have a density, that is, all but the plates."""
    found = {}
    for name, site in trace.nodes.items():
        is_sample = site["type"] == "sample"
        is_plate = poutine.util.site_is_subsample(site)
        if is_sample and not is_plate:
            found[name] = cast("Site", site)
    return found


def divergence(q: Site, p: Site) -> Tensor:
    """Return KL(q || p) of one site, or its estimate from the draw.

    Arguments:
        q: The site of the guide.
        p: The site of the model, at the same value.
    """
    is_scaled = isinstance(q["scale"], Tensor) or q["scale"] != 1.0
    if not is_scaled and q["mask"] is None:
        closed = normal_divergence(q["fn"], p["fn"])
        if closed is not None:
            return closed

    # The closed form for a Delta ignores its log_density, which may be a Jacobian.
    if not isinstance(q["fn"], dist.Delta):
        try:
            kl = kl_divergence(q["fn"], p["fn"])
        except NotImplementedError:
            pass
        else:
            return scale_and_mask(kl, q["scale"], q["mask"]).sum()

    return log_prob(q) - log_prob(p)


def draw_with_divergence(
    model: PyroProgram, guide: PyroProgram
) -> tuple[dict[str, Tensor], Tensor]:
    """Draw the latent sites once from a guide: their values, and KL(q || p) or its estimate, ().

    Arguments:
        model: The model, which runs its latent sites without arguments.
        guide: The guide.
    """
    q = poutine.trace(guide).get_trace()
    p = poutine.trace(poutine.replay(model, trace=q)).get_trace()
    guide_sites = stochastic(q)

    values = {}
    terms = []
    for name, site in stochastic(p).items():
        values[name] = site["value"].clone()
        terms.append(divergence(guide_sites[name], site))

    auxiliary = [log_prob(site) for name, site in guide_sites.items() if name not in p]

    return values, torch.stack([*terms, *auxiliary]).sum()


def draws_points(guide: PyroProgram) -> bool:
    """Return whether a guide draws point masses: a Delta that no auxiliary site stands behind.

    Arguments:
        guide: The guide, in the scope of its parameters.
    """
    sites = stochastic(poutine.trace(guide).get_trace()).values()
    is_auxiliary = [bool(site["infer"].get("is_auxiliary")) for site in sites]
    is_point = [isinstance(without_events(site["fn"]), dist.Delta) for site in sites]
    drawn = zip(is_auxiliary, is_point, strict=True)
    if any(auxiliary and point for auxiliary, point in drawn):
        return True

    return any(is_point) and not any(is_auxiliary)
