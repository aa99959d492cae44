"""A guide as a proposal: the Pareto shape of its importance weights."""

from __future__ import annotations

import pyro
import torch
from torch import Tensor

from zoo.data import Data, full
from zoo.inference.mcmc.potential import Potential
from zoo.posterior.labelled import pareto_k
from zoo.posterior.posterior import Posterior

AT_ONCE = 50  # draws whose density is evaluated in one call


def k_hat(posterior: Posterior, data: Data, num_samples: int = 1000) -> float:
    r"""Pareto k of importance sampling from the guide: below 0.7 a thousand of its draws can stand for the truth.

    .. math:: r_s = \frac{p(y, z_s)}{q(z_s)}, \quad z_s \sim q, \quad P(r > t) \sim t^{-1/k}

    It sees only where the guide goes: a mode of the posterior that no draw visits does
    not move it, so that a small k says nothing of modes left out. In thousands of
    dimensions every guide that is not exact has a large one. It is context, no score.

    References:
        Pareto Smoothed Importance Sampling (Vehtari, Simpson, Gelman, Yao, Gabry, 2024)
        Yes, but Did It Work?: Evaluating Variational Inference (Yao, Vehtari, Simpson, Gelman, 2018)

    Arguments:
        posterior: The posterior of a guide that has a density.
        data: Inputs and targets that it was fitted to.
        num_samples: Draws, a thousand or more.

    Raises:
        ValueError: Draws of a sampler, a guide without a density, point estimates in
            the model, too few draws.
    """
    if num_samples < 1000:
        raise ValueError(
            f"Pareto k needs the tail of a thousand draws or more, not of {num_samples}"
        )
    return pareto_k(log_ratios(posterior, data, num_samples).cpu().numpy())


def log_ratios(posterior: Posterior, data: Data, num_samples: int) -> Tensor:
    r"""Return the log importance ratios of a guide's draws, (S,): their mean is the ELBO.

    .. math:: \log r_s = \log p(y, z_s) - \log q(z_s), \quad z_s \sim q
    """
    if not has_density(posterior):
        raise ValueError(
            "Pareto k needs a guide with a density, one of the zoo's such as guides.MeanField, and this posterior is "
            f"{posterior.source}"
        )
    potential = Potential(posterior.model, *full(posterior.model, data))
    with torch.no_grad(), potential.program.running(), pyro.validation_enabled(False):
        draws = posterior.sample(num_samples)
        places = potential.pack(draws)
        _, jacobian = potential.unpack(places)
        energy = torch.cat([potential.energies(part) for part in places.split(AT_ONCE)])
        density: Tensor = posterior.guide.log_prob(draws)
    return (-energy - jacobian - density).double()


def has_density(posterior: Posterior) -> bool:
    """Tell whether a posterior is a guide with a density that the zoo knows."""
    return getattr(posterior.guide, "has_density", False) and hasattr(
        posterior.guide, "log_prob"
    )
