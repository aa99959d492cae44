"""A guide as a proposal: the Pareto shape of its importance weights."""

from __future__ import annotations

import pyro
import torch
from torch import Tensor

from zoo.data import Data, full
from zoo.diagnostics.labelled import pareto_k
from zoo.inference.potential import Potential
from zoo.posterior import Posterior


def k_hat(posterior: Posterior, data: Data, num_samples: int = 1000) -> float:
    r"""Pareto k of importance sampling from the guide: below 0.7 a thousand of its draws can stand for the truth.

    .. math:: r_s = \frac{p(y, z_s)}{q(z_s)}, \quad z_s \sim q, \quad P(r > t) \sim t^{-1/k}

    It sees only where the guide goes: a mode of the posterior that no draw visits does not move it, so that a small k
    says nothing of modes left out. In thousands of dimensions every guide that is not exact has a large one. It is
    context, no score.

    References:
        Pareto Smoothed Importance Sampling (Vehtari, Simpson, Gelman, Yao, Gabry, 2024)
        Yes, but Did It Work?: Evaluating Variational Inference (Yao, Vehtari, Simpson, Gelman, 2018)

    Arguments:
        posterior: The posterior of a guide that has a density.
        data: Inputs and targets that it was fitted to.
        num_samples: Draws, a thousand or more.

    Raises:
        ValueError: Draws of a sampler, a guide without a density, point estimates in the model, too few draws.
    """
    guide = posterior.guide
    if guide is None or not getattr(guide, "has_density", False) or not hasattr(guide, "log_prob"):
        raise ValueError(
            "Pareto k is that of a guide with a density, one of the zoo's such as guides.MeanField, and this posterior "
            f"is {'draws' if guide is None else f'a {type(guide).__name__}'}"
        )
    if num_samples < 1000:
        raise ValueError(f"Pareto k needs the tail of a thousand draws or more, not of {num_samples}")
    potential = Potential(posterior.model, *full(posterior.model, data))
    with potential.program.running(), pyro.validation_enabled(False):
        draws = posterior.sample(num_samples)
        places = potential.pack(draws)
        _, jacobian = potential.unpack(places)
        energy = torch.cat([potential.gradient(part)[1] for part in places.split(50)])
        density: Tensor = posterior.scoped.guide.log_prob(draws)
    return pareto_k((-energy - jacobian - density).double().cpu().numpy())
