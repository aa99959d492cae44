"""A guide as a proposal of importance sampling: the Pareto shape of its weights."""

from __future__ import annotations

from typing import Any

import pyro
import torch
from torch import Tensor

from zoo.data import Data, full
from zoo.inference.mcmc.density.potential import Potential
from zoo.posterior.labelled import pareto_k
from zoo.posterior.posterior import Posterior

_CHUNK = 50  # draws whose density is evaluated in one call


def k_hat(posterior: Posterior, data: Data, num_samples: int = 1000) -> float:
    r"""Pareto k of importance sampling from the guide.

    .. math:: r_s = \frac{p(y, z_s)}{q(z_s)}, \quad z_s \sim q, \quad P(r > t) \sim t^{-1/k}

    Below 0.7, importance weights turn a thousand draws of the guide into draws of the
    posterior. Modes of the posterior that no draw visits do not change k, so a small k
    does not show that the guide has all modes. In thousands of dimensions every guide
    that is not exact has a large k. It is context, not a score.

    References:
        Pareto Smoothed Importance Sampling (Vehtari, Simpson, Gelman, Yao, Gabry, 2024)
        Yes, but Did It Work?: Evaluating Variational Inference
        (Yao, Vehtari, Simpson, Gelman, 2018)

    Arguments:
        posterior: The posterior of a guide that has a density.
        data: Inputs and targets that it was fitted to.
        num_samples: Number of draws, a thousand or more.

    Raises:
        ValueError: Draws of a sampler, a guide without a density, point estimates in
            the model, too few draws.

    Example:
        >>> k_hat(posterior, data.train) > 0.7  # of a guide after five steps
        True
    """
    if num_samples < 1000:
        raise ValueError(
            f"Pareto k needs num_samples of at least 1000, not {num_samples}"
        )

    ratios = log_ratios(posterior, data, num_samples)
    return pareto_k(ratios.cpu().numpy())


def log_ratios(posterior: Posterior, data: Data, num_samples: int) -> Tensor:
    r"""Return the log importance ratios of a guide's draws, (S,); their mean is the ELBO.

    .. math:: \log r_s = \log p(y, z_s) - \log q(z_s), \quad z_s \sim q

    Arguments:
        posterior: The posterior of a guide that has a density.
        data: Inputs and targets that it was fitted to.
        num_samples: Number of draws S.
    """
    if not has_density(posterior):
        raise ValueError(
            "Pareto k needs a guide with a density, such as guides.MeanField, "
            f"but this posterior is from {posterior.source}"
        )

    guide: Any = posterior.guide
    x, y = full(posterior.model, data)
    potential = Potential(posterior.model, x, y)
    with torch.no_grad(), potential.program.running(), pyro.validation_enabled(False):
        draws = posterior.sample(num_samples)
        positions = potential.pack(draws)
        _, jacobian = potential.unpack(positions)
        energies = [potential.energies(part) for part in positions.split(_CHUNK)]
        log_density = guide.log_prob(draws)

    log_joint = -torch.cat(energies) - jacobian
    return (log_joint - log_density).double()


def has_density(posterior: Posterior) -> bool:
    """Return whether a posterior is a guide with a density that the zoo knows."""
    guide = posterior.guide
    return getattr(guide, "has_density", False) and hasattr(guide, "log_prob")
