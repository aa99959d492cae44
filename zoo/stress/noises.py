"""Noise of a camera at five severities: gaussian, shot, impulse and speckle."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.stress.pixels import checked_images, constant_at

# The constants of CIFAR-10-C at severities 1 to 5.
_GAUSSIAN_SCALES = (0.04, 0.06, 0.08, 0.09, 0.10)
_PHOTONS = (500, 250, 100, 75, 50)  # for white
_IMPULSE_SHARES = (0.01, 0.02, 0.03, 0.05, 0.07)
_SPECKLE_SCALES = (0.06, 0.10, 0.12, 0.16, 0.20)


def gaussian_noise(x: Tensor, severity: int) -> Tensor:
    r"""Add normal noise, as in poor light, and clip.

    .. math:: x' = [x + c \epsilon]_0^1, \qquad \epsilon \sim N(0, 1)

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations
        (Hendrycks, Dietterich, 2019)

    Arguments:
        x: Pixels, (N, C, H, W).
        severity: 1 to 5, scales 0.04 to 0.1.

    Example:
        >>> gaussian_noise(torch.zeros(2, 1, 8, 8), 5).shape
        torch.Size([2, 1, 8, 8])
    """
    x = checked_images(x)
    scale = constant_at(severity, _GAUSSIAN_SCALES)

    noisy = x + scale * torch.randn_like(x)
    return noisy.clamp(0, 1)


def shot_noise(x: Tensor, severity: int) -> Tensor:
    r"""Replace every value by a random number of photons: the fewer photons, the more noise.

    .. math:: x' = [n / c]_0^1, \qquad n \sim \text{Poisson}(c x)

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations
        (Hendrycks, Dietterich, 2019)

    Arguments:
        x: Pixels, (N, C, H, W).
        severity: 1 to 5, 500 to 50 photons for white.

    Example:
        >>> shot_noise(torch.zeros(2, 1, 8, 8), 5).max()
        tensor(0.)
    """
    x = checked_images(x)
    photons = constant_at(severity, _PHOTONS)

    rate = x.clamp_min(0) * photons
    counts = torch.poisson(rate)

    return (counts / photons).clamp(0, 1)


def impulse_noise(x: Tensor, severity: int) -> Tensor:
    r"""Set single values to black or white, as bit errors do.

    .. math:: P(x' = 0) = P(x' = 1) = c / 2, \quad \text{else } x' = x

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations
        (Hendrycks, Dietterich, 2019)

    Arguments:
        x: Pixels, (N, C, H, W).
        severity: 1 to 5, 1 to 7 % of the values.

    Example:
        >>> impulse_noise(torch.full((1, 1, 2, 2), 0.5), 1).shape
        torch.Size([1, 1, 2, 2])
    """
    x = checked_images(x)
    share = constant_at(severity, _IMPULSE_SHARES)

    uniform = torch.rand_like(x)
    is_changed = uniform < share
    is_white = uniform < share / 2

    return torch.where(is_changed, is_white.to(x), x)


def speckle_noise(x: Tensor, severity: int) -> Tensor:
    r"""Add normal noise in proportion to the value, and clip.

    .. math:: x' = [x + c x \epsilon]_0^1, \qquad \epsilon \sim N(0, 1)

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations
        (Hendrycks, Dietterich, 2019)

    Arguments:
        x: Pixels, (N, C, H, W).
        severity: 1 to 5, scales 0.06 to 0.2 of the value.

    Example:
        >>> speckle_noise(torch.zeros(2, 1, 8, 8), 5).max()
        tensor(0.)
    """
    x = checked_images(x)
    scale = constant_at(severity, _SPECKLE_SCALES)

    noise = scale * torch.randn_like(x)
    noisy = x * (1 + noise)

    return noisy.clamp(0, 1)
