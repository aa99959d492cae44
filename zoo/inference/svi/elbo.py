"""The evidence lower bound of a model and a guide, from one trace of each."""

from __future__ import annotations

from collections.abc import Callable

import pyro.distributions as dist
from pyro import poutine
from pyro.distributions.util import scale_and_mask
from pyro.poutine import Trace
from torch import Tensor
from torch.distributions import Distribution, kl_divergence

from zoo.inference.sites import log_prob, stochastic
from zoo.inference.tempering import Tempering


def elbo(
    model: Callable[..., object],
    guide: Callable[..., object],
    *args: object,
    tempering: Tempering = Tempering(),  # noqa: B008
    **kwargs: object,
) -> Tensor:
    r"""One draw's unbiased estimate of the evidence lower bound, summed over all data, in nats.

    .. math:: E_q[\log p(y | z)] - KL(q(z) \| p(z)) \le \log p(y)

    The divergence of a site is in closed form where torch has it, else a difference of
    log densities. With temperatures it is the bound of the tempered joint density,
    whose integral is no evidence:

    .. math:: \frac1T E_q \big[ \tfrac{1}{T_l} \log p(y | z) + \log p(z) \big] + H[q]

    References:
        Stochastic Variational Inference (Hoffman, Blei, Wang, Paisley, 2013)
        Auto-Encoding Variational Bayes (Kingma, Welling, 2014)
    """
    q = poutine.trace(guide).get_trace(*args, **kwargs)
    p = poutine.trace(poutine.replay(model, trace=q)).get_trace(*args, **kwargs)
    return expected_log_joint_and_entropy(p, q, tempering)


def expected_log_joint_and_entropy(
    p: Trace, q: Trace, tempering: Tempering = Tempering()
) -> Tensor:
    """Add up the sites of a model's and a guide's trace."""
    total: Tensor | float = 0.0
    for name, site in stochastic(p).items():
        if site["is_observed"] or name not in q:
            total = total + tempering.cool(
                log_prob(site), site, latent=not site["is_observed"]
            )
        else:
            total = total - tempering.cool(
                divergence(q.nodes[name], site), site, latent=True
            )
            if (
                tempering.whole != 1.0
            ):  # the divergence holds a tempered entropy: give back the rest of it
                total = total - (1 - 1 / tempering.whole) * log_prob(q.nodes[name])
    for name, site in stochastic(q).items():
        if name not in p:  # auxiliary: part of the guide's density, not of the model
            total = total - log_prob(site)
    return total


def divergence(q: dict, p: dict) -> Tensor:
    """Return KL(q || p) of one site, or its estimate from the draw."""
    if not q["fn"].has_rsample and is_learned(q["fn"]):
        raise ValueError(
            f"the guide draws site {q['name']!r} from a {type(q['fn']).__name__} with learned parameters, through "
            "which no gradient flows; use pyro.infer.SVI with pyro.infer.TraceGraph_ELBO"
        )
    if not isinstance(
        q["fn"], dist.Delta
    ):  # a Delta's closed form forgets its log_density, a Jacobian perhaps
        try:
            kl = kl_divergence(q["fn"], p["fn"])
        except NotImplementedError:
            pass
        else:
            return scale_and_mask(kl, q["scale"], q["mask"]).sum()
    return log_prob(q) - log_prob(p)


def is_learned(distribution: Distribution) -> bool:
    """Tell whether a distribution, or one that it is made of, has parameters that are optimised."""
    parts = [
        value
        for value in vars(distribution).values()
        if isinstance(value, (Tensor, Distribution))
    ]
    return any(
        part.requires_grad if isinstance(part, Tensor) else is_learned(part)
        for part in parts
    )
