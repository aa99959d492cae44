"""The sites of a trace: those that have a density, their log density, and how two programs differ in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pyro import poutine
from pyro.distributions.torch_distribution import TorchDistributionMixin
from pyro.distributions.util import scale_and_mask
from pyro.poutine import Trace
from torch import Tensor

from zoo.runtime.distributions import support_of


def log_prob(site: dict) -> Tensor:
    """Return the log density of a site at its value, scaled and masked as its plates say."""
    density = site["fn"].log_prob(site["value"], *site["args"], **site["kwargs"])
    return scale_and_mask(density, site["scale"], site["mask"]).sum()


def stochastic(trace: Trace) -> dict[str, dict]:
    """Return the sites of a trace that have a density, plates left out."""
    return {
        name: site
        for name, site in trace.nodes.items()
        if site["type"] == "sample" and not poutine.util.site_is_subsample(site)
    }


def sites_differ(
    priors: Mapping[str, TorchDistributionMixin],
    guide: Callable[..., object],
    reference: Tensor,
) -> str:
    """Say in which sites a guide differs from the latent sites of a model, "" where it does not.

    Arguments:
        priors: The model's latent sites.
        guide: The guide.
        reference: A tensor with the model's device and dtype.
    """
    trace = poutine.trace(guide).get_trace()
    own = {
        name: site["value"].detach()
        for name, site in stochastic(trace).items()
        if not site["infer"].get("is_auxiliary")
    }
    parts = []
    for name in sorted(own.keys() | priors.keys()):
        wanted = tuple(priors[name].shape()) if name in priors else "none"
        given = tuple(own[name].shape) if name in own else "none"
        if wanted != given:
            parts.append(f"{name} (model {wanted}, guide {given})")
        elif (own[name].dtype, own[name].device) != (reference.dtype, reference.device):
            there, here = (
                f"{reference.dtype} on {reference.device}",
                f"{own[name].dtype} on {own[name].device}",
            )
            parts.append(
                f"{name} (model {there}, guide {here}; move one of them by .to(...))"
            )
        elif not bool(support_of(priors[name]).check(own[name].clone()).all()):
            parts.append(
                f"{name} (the guide draws values outside its support, {priors[name].support})"
            )
    return ", ".join(parts)
