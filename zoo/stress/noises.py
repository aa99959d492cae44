"""Noise that a camera makes, at five severities: gaussian, shot, impulse and speckle."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.stress.pixels import grid_of, level


def gaussian_noise(x: Tensor, severity: int) -> Tensor:
    r"""Add normal noise as in poor light, and clip.

    .. math:: x' = [x + c \epsilon]_0^1, \qquad \epsilon \sim N(0, 1)

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations (Hendrycks, Dietterich, 2019)

    Arguments:
        x: Pixels, (N, C, H, W).
        severity: 1 to 5, scales 0.04 to 0.1.

    Example:
        >>> gaussian_noise(torch.zeros(2, 1, 8, 8), 5).shape
        torch.Size([2, 1, 8, 8])
    """
    scale = level(severity, (0.04, 0.06, 0.08, 0.09, 0.10))
    return (grid_of(x) + scale * torch.randn_like(x)).clamp(0, 1)


def shot_noise(x: Tensor, severity: int) -> Tensor:
    r"""Count photons: the fewer there are, the more their number varies.

    .. math:: x' = [n / c]_0^1, \qquad n \sim \text{Poisson}(c x)

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations (Hendrycks, Dietterich, 2019)

    Arguments:
        x: Pixels, (N, C, H, W).
        severity: 1 to 5, 500 to 50 photons for white.

    Example:
        >>> shot_noise(torch.zeros(2, 1, 8, 8), 5).max()
        tensor(0.)
    """
    photons = level(severity, (500, 250, 100, 75, 50))
    return (torch.poisson(grid_of(x).clamp_min(0) * photons) / photons).clamp(0, 1)


def impulse_noise(x: Tensor, severity: int) -> Tensor:
    r"""Turn single values black or white, as bit errors do.

    .. math:: P(x' = 0) = P(x' = 1) = c / 2, \quad \text{else } x' = x

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations (Hendrycks, Dietterich, 2019)

    Arguments:
        x: Pixels, (N, C, H, W).
        severity: 1 to 5, 1 to 7 % of the values.

    Example:
        >>> impulse_noise(torch.full((1, 1, 2, 2), 0.5), 1).shape
        torch.Size([1, 1, 2, 2])
    """
    share = level(severity, (0.01, 0.02, 0.03, 0.05, 0.07))
    chance = torch.rand_like(grid_of(x))
    return torch.where(chance < share, (chance < share / 2).to(x), x)


def speckle_noise(x: Tensor, severity: int) -> Tensor:
    r"""Add normal noise in proportion to the light, and clip.

    .. math:: x' = [x + c x \epsilon]_0^1, \qquad \epsilon \sim N(0, 1)

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations (Hendrycks, Dietterich, 2019)

    Arguments:
        x: Pixels, (N, C, H, W).
        severity: 1 to 5, scales 0.06 to 0.2 of the light.

    Example:
        >>> speckle_noise(torch.zeros(2, 1, 8, 8), 5).max()
        tensor(0.)
    """
    scale = level(severity, (0.06, 0.10, 0.12, 0.16, 0.20))
    return (grid_of(x) * (1 + scale * torch.randn_like(x))).clamp(0, 1)
