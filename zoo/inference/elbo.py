"""The evidence lower bound of a model and a guide, from one trace of each."""

from __future__ import annotations

from collections.abc import Callable

import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.distributions.util import scale_and_mask
from pyro.poutine import Trace
from torch import Tensor
from torch.distributions import kl_divergence


def elbo(model: Callable[..., object], guide: Callable[..., object], *args: object, **kwargs: object) -> Tensor:
    r"""One draw's unbiased estimate of the evidence lower bound, summed over all data, in nats.

    .. math:: E_q[\log p(y | z)] - KL(q(z) \| p(z)) \le \log p(y)

    The divergence of a site is in closed form where torch has it, else a difference of log densities.

    References:
        Stochastic Variational Inference (Hoffman, Blei, Wang, Paisley, 2013)
        Auto-Encoding Variational Bayes (Kingma, Welling, 2014)
    """
    q = poutine.trace(guide).get_trace(*args, **kwargs)
    p = poutine.trace(poutine.replay(model, trace=q)).get_trace(*args, **kwargs)
    return expected_log_joint_and_entropy(p, q)


def expected_log_joint_and_entropy(p: Trace, q: Trace) -> Tensor:
    """Add up the sites of a model's and a guide's trace."""
    total: Tensor | float = 0.0
    for name, site in stochastic(p).items():
        if site["is_observed"] or name not in q:
            total = total + log_prob(site)
        else:
            total = total - divergence(q.nodes[name], site)
    for name, site in stochastic(q).items():
        if name not in p:  # auxiliary: part of the guide's density, not of the model
            total = total - log_prob(site)
    return total


def divergence(q: dict, p: dict) -> Tensor:
    """Return KL(q || p) of one site, or its estimate from the draw."""
    if not isinstance(q["fn"], dist.Delta):  # a Delta's closed form forgets its log_density, a Jacobian perhaps
        try:
            kl = kl_divergence(q["fn"], p["fn"])
        except NotImplementedError:
            pass
        else:
            return scale_and_mask(kl, q["scale"], q["mask"]).sum()
    log_q = log_prob(q)
    if not q["fn"].has_rsample and log_q.requires_grad:
        raise ValueError(
            f"the guide draws site {q['name']!r} from a {type(q['fn']).__name__} with learned parameters, through "
            "which no gradient flows; use pyro.infer.SVI with pyro.infer.TraceGraph_ELBO"
        )
    return log_q - log_prob(p)


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


def sites_differ(model_sites: dict[str, torch.Size], guide: Callable[..., object]) -> str:
    """Say in which sites a guide differs from a model, "" where it does not."""
    trace = poutine.trace(guide).get_trace()
    own = {
        name: torch.Size(site["value"].shape)
        for name, site in stochastic(trace).items()
        if not site["infer"].get("is_auxiliary")
    }
    odd = sorted(name for name in own.keys() | model_sites.keys() if own.get(name) != model_sites.get(name))
    parts = (
        f"{name} (model {tuple(model_sites[name]) if name in model_sites else 'none'}, "
        f"guide {tuple(own[name]) if name in own else 'none'})"
        for name in odd
    )
    return ", ".join(parts)
