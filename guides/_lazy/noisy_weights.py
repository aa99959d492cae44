"""Weights under normal noise of mean one, and their divergence from a log-uniform prior."""

from __future__ import annotations

import math

import torch
from pyro.distributions import Independent as PyroIndependent
from torch import Tensor
from torch.distributions import Independent, kl_divergence, register_kl

from guides._base.log_uniform import is_log_uniform, kingma
from guides._base.noise import normal_noise
from guides._lazy.masks import Masked, Noise

_2_PI_E = 2 * math.pi * math.e


class NoisyNormal(PyroIndependent):
    """Normal weights N(M, α M²), whose divergence from a log-uniform prior depends on α only."""


class NoisyUnits(Masked):
    """Weights times normal noise of their input units.

    Arguments:
        loc: Weights M (O, I, ...).
        noise: Draws noise of a shape (..., I).
        second_moment: 1 + α, (I,).
        entropy: The entropy that the loss keeps.
    """

    second_moment: Tensor


def noisy_units(loc: Tensor, alpha: Tensor) -> NoisyUnits:
    """Return weights M (O, I, ...) under noise of their units with variance α (I,)."""
    noise = _noise_of_mean_one(alpha)
    second_moment = 1 + alpha
    entropy = 0.5 * (_2_PI_E * alpha).log()  # of the noise of each unit

    return NoisyUnits(loc, noise, second_moment, entropy.sum())


def _noise_of_mean_one(alpha: Tensor) -> Noise:
    """Return normal noise of mean 1 and variance alpha (I,)."""

    def noise(shape: torch.Size) -> Tensor:
        scale = alpha.sqrt()
        return 1 + scale * normal_noise(shape, alpha)

    return noise


@register_kl(NoisyNormal, Independent)
def _divergence_of_weights(q: NoisyNormal, p: Independent) -> Tensor:
    """Return the paper's polynomial under a log-uniform prior, else the divergence of normals."""
    if not is_log_uniform(p):
        normal = Independent(q.base_dist, q.reinterpreted_batch_ndims)
        return kl_divergence(normal, p)

    variance = q.base_dist.scale.square()
    squared = q.base_dist.loc.square() + 1e-16
    log_alpha = (variance / squared).log()
    divergences = kingma(log_alpha.clamp_max(0.0))

    return divergences.sum()


@register_kl(NoisyUnits, Independent)
def _divergence_of_units(q: NoisyUnits, p: Independent) -> Tensor:
    """Return the paper's polynomial under a log-uniform prior, else the divergence of `Masked`."""
    if is_log_uniform(p):
        alpha = q.second_moment - 1
        return kingma(alpha.log()).sum()

    masked = Masked(q.loc, q.noise, q.second_moment, q.kept_entropy)

    return kl_divergence(masked, p)
