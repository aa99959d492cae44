"""The negative log likelihood alone, without the prior, and its gradient by all weights."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor
from torch.func import grad_and_value, vmap

from zoo.inference.mcmc.density.potential import Potential
from zoo.runtime.distributions import unvalidated
from zoo.runtime.sites import log_prob, stochastic


def misfit(potential: Potential, q: Tensor) -> Tensor:
    """Return minus the log likelihood of the potential's data at q (P,), in nats: ().

    A difference of the potential and the prior would lose it among the rounding errors of the
    prior, which has a term for each weight.
    """
    values, _ = potential.unpack(q)

    terms = []
    for name, site in stochastic(potential.program.trace(values)).items():
        if name not in values:
            terms.append(log_prob(site | {"fn": unvalidated(site["fn"])}))

    return -sum(terms).to(q.dtype)


def misfit_gradient(potential: Potential, q: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradient (C, P) and minus the log likelihood (C,) at q (C, P).

    It is meant to be traced. Call it inside `program.running()`.
    """
    function = grad_and_value(partial(misfit, potential))
    if potential.vectorised:
        return vmap(function)(q)

    gradients, energies = zip(*map(function, q), strict=True)

    return torch.stack(gradients), torch.stack(energies)
