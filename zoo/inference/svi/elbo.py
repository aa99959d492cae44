"""The evidence lower bound of a model and a guide, from one trace of each."""

from __future__ import annotations

from typing import Any

from pyro import poutine
from pyro.poutine import Trace
from torch import Tensor
from torch.distributions import Distribution

from zoo.inference.tempering import Tempering
from zoo.runtime.programs import PyroProgram
from zoo.runtime.sites import Site, divergence, log_prob, stochastic

_POSTERIOR = Tempering()  # temperatures of 1


def elbo(
    model: PyroProgram,
    guide: PyroProgram,
    *args: Any,
    tempering: Tempering = _POSTERIOR,
    **kwargs: Any,
) -> Tensor:
    r"""Estimate the evidence lower bound without bias from one draw, in nats over all data.

    .. math:: E_q[\log p(y | z)] - KL(q(z) \| p(z)) \le \log p(y)

    The divergence of a site has a closed form if torch knows one. Otherwise it is the
    difference of the log densities at the draw. With temperatures, the value is the
    bound for the tempered joint density, whose integral is not the evidence:

    .. math:: \frac1T E_q \big[ \tfrac{1}{T_l} \log p(y | z) + \log p(z) \big] + H[q]

    References:
        Stochastic Variational Inference (Hoffman, Blei, Wang, Paisley, 2013)
        Auto-Encoding Variational Bayes (Kingma, Welling, 2014)

    Arguments:
        model: The model.
        guide: The guide.
        args: Arguments of both programs.
        tempering: Temperatures of the posterior.
        kwargs: Keyword arguments of both programs.
    """
    q = poutine.trace(guide).get_trace(*args, **kwargs)
    replayed = poutine.replay(model, trace=q)
    p = poutine.trace(replayed).get_trace(*args, **kwargs)
    return expected_log_joint_and_entropy(p, q, tempering)


def expected_log_joint_and_entropy(
    p: Trace, q: Trace, tempering: Tempering = _POSTERIOR
) -> Tensor:
    """Return the evidence lower bound as a sum over the sites of two traces.

    Arguments:
        p: The trace of the model, replayed with the values of the guide.
        q: The trace of the guide.
        tempering: Temperatures of the posterior.
    """
    total: Tensor | float = 0.0
    model_sites = stochastic(p)
    guide_sites = stochastic(q)

    for name, site in model_sites.items():
        latent = not site["is_observed"]
        if latent and name in guide_sites:
            guided = guide_sites[name]
            total = total - tempering.cool(_divergence(guided, site), site, latent=True)
            if tempering.whole != 1.0:
                # The divergence contains the entropy, which has no temperature.
                total = total - (1 - 1 / tempering.whole) * log_prob(guided)
        else:
            total = total + tempering.cool(log_prob(site), site, latent=latent)

    for name, site in guide_sites.items():
        is_auxiliary = name not in p  # in the density of the guide alone
        if is_auxiliary:
            total = total - log_prob(site)
    return total


def _divergence(q: Site, p: Site) -> Tensor:
    """Return KL(q || p) of one site, or its estimate from the draw, with its gradient."""
    distribution = q["fn"]
    if not distribution.has_rsample and _is_learned(distribution):
        name = type(distribution).__name__
        raise ValueError(
            f"the guide draws site {q['name']!r} from {name}, which has learned parameters, but "
            "its draws have no gradient; use pyro.infer.SVI with pyro.infer.TraceGraph_ELBO"
        )

    return divergence(q, p)


def _is_learned(distribution: Distribution) -> bool:
    """Return whether a distribution, or one inside it, has a parameter that needs a gradient."""
    for value in vars(distribution).values():
        if isinstance(value, Tensor) and value.requires_grad:
            return True

        if isinstance(value, Distribution) and _is_learned(value):
            return True
    return False
