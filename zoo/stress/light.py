"""Light and colour at five severities: brightness, contrast and saturation."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.stress.pixels import grid_of, level


def brightness(x: Tensor, severity: int) -> Tensor:
    r"""Add light and keep hue and saturation.

    .. math:: x'_c = x_c \, v' / v, \qquad v = \max_c x_c, \quad v' = \min(v + a, 1)

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations (Hendrycks, Dietterich, 2019)

    Arguments:
        x: Pixels, (N, C, H, W).
        severity: 1 to 5, 0.05 to 0.3 of white.

    Example:
        >>> brightness(torch.zeros(1, 1, 1, 1), 5)
        tensor([[[[0.3000]]]])
    """
    value = grid_of(x).amax(1, keepdim=True)
    more = (value + level(severity, (0.05, 0.1, 0.15, 0.2, 0.3))).clamp(0, 1)
    return torch.where(value > 0, x * more / value.clamp_min(1e-12), more).clamp(0, 1)


def contrast(x: Tensor, severity: int) -> Tensor:
    r"""Draw values towards the mean of their channel.

    .. math:: x' = \bar x + c (x - \bar x)

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations (Hendrycks, Dietterich, 2019)

    Arguments:
        x: Pixels, (N, C, H, W).
        severity: 1 to 5, 0.75 to 0.15 of the contrast.

    Example:
        >>> contrast(torch.tensor([[[[0.0, 1.0]]]]), 2)
        tensor([[[[0.2500, 0.7500]]]])
    """
    mean = grid_of(x).mean((2, 3), keepdim=True)
    return (mean + level(severity, (0.75, 0.5, 0.4, 0.3, 0.15)) * (x - mean)).clamp(
        0, 1
    )


def saturate(x: Tensor, severity: int) -> Tensor:
    r"""Take colour away (severities 1 and 2) or give too much.

    .. math:: x'_c = v - (v - x_c) s' / s, \qquad s = (v - \min_c x_c) / v, \quad s' = [a s + b]_0^1

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations (Hendrycks, Dietterich, 2019)

    Arguments:
        x: Pixels, (N, 3, H, W).
        severity: 1 to 5.

    Raises:
        ValueError: Images without colours.

    Example:
        >>> saturate(torch.tensor([1.0, 0.5, 0.5]).reshape(1, 3, 1, 1), 3).flatten()
        tensor([1.0000, 0.2500, 0.2500])
    """
    if grid_of(x).shape[1] != 3:
        raise ValueError(
            f"saturate changes colours, and images of {x.shape[1]} channel(s) have none; leave it out"
        )
    factor, more = level(
        severity, ((0.3, 0.0), (0.1, 0.0), (1.5, 0.0), (2.0, 0.1), (2.5, 0.2))
    )
    value = x.amax(1, keepdim=True)
    lacks = (
        value - x
    )  # of each channel to the brightest, in the proportion that is the hue
    most = lacks.amax(1, keepdim=True)
    red = x.new_tensor([0.0, 1.0, 1.0])[:, None, None]  # the hue that grey is given
    share = torch.where(most > 0, lacks / most.clamp_min(1e-12), red)
    saturation = (factor * most / value.clamp_min(1e-12) + more).clamp(0, 1)
    return (value - value * saturation * share).clamp(0, 1)
