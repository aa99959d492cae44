"""Light and colour at five severities: brightness, contrast and saturation."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.stress.pixels import checked_images, constant_at

# The constants of CIFAR-10-C at severities 1 to 5.
_ADDED_LIGHT = (0.05, 0.1, 0.15, 0.2, 0.3)
_CONTRAST_SHARES = (0.75, 0.5, 0.4, 0.3, 0.15)
_SATURATION_FACTORS_AND_OFFSETS = (
    (0.3, 0.0),
    (0.1, 0.0),
    (1.5, 0.0),
    (2.0, 0.1),
    (2.5, 0.2),
)

_SMALLEST = 1e-12  # a divisor that is zero is replaced by this


def brightness(x: Tensor, severity: int) -> Tensor:
    r"""Add light; hue and saturation stay.

    .. math:: x'_c = x_c \, v' / v, \qquad v = \max_c x_c, \quad v' = \min(v + a, 1)

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations
        (Hendrycks, Dietterich, 2019)

    Arguments:
        x: Pixels, (N, C, H, W).
        severity: 1 to 5, 0.05 to 0.3 of white.

    Example:
        >>> brightness(torch.zeros(1, 1, 1, 1), 5)
        tensor([[[[0.3000]]]])
    """
    x = checked_images(x)
    light = constant_at(severity, _ADDED_LIGHT)

    value = x.amax(1, keepdim=True)
    brighter = (value + light).clamp(0, 1)

    scaled = x * brighter / value.clamp_min(_SMALLEST)
    found = torch.where(value > 0, scaled, brighter)

    return found.clamp(0, 1)


def contrast(x: Tensor, severity: int) -> Tensor:
    r"""Move values towards the mean of their channel.

    .. math:: x' = \bar x + c (x - \bar x)

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations
        (Hendrycks, Dietterich, 2019)

    Arguments:
        x: Pixels, (N, C, H, W).
        severity: 1 to 5, 0.75 to 0.15 of the contrast.

    Example:
        >>> contrast(torch.tensor([[[[0.0, 1.0]]]]), 2)
        tensor([[[[0.2500, 0.7500]]]])
    """
    x = checked_images(x)
    share = constant_at(severity, _CONTRAST_SHARES)

    mean = x.mean((2, 3), keepdim=True)
    reduced = mean + share * (x - mean)

    return reduced.clamp(0, 1)


def saturate(x: Tensor, severity: int) -> Tensor:
    r"""Reduce the colour (severities 1 and 2) or increase it (3 to 5).

    .. math:: x'_c = v - (v - x_c) s' / s, \qquad
        s = (v - \min_c x_c) / v, \quad s' = [a s + b]_0^1

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations
        (Hendrycks, Dietterich, 2019)

    Arguments:
        x: Pixels, (N, 3, H, W).
        severity: 1 to 5.

    Raises:
        ValueError: Images without colours.

    Example:
        >>> saturate(torch.tensor([1.0, 0.5, 0.5]).reshape(1, 3, 1, 1), 3).flatten()
        tensor([1.0000, 0.2500, 0.2500])
    """
    x = checked_images(x)
    if x.shape[1] != 3:
        raise ValueError(
            "saturate needs colour images with 3 channels, "
            f"not {x.shape[1]} channel(s); omit saturate"
        )

    factor, offset = constant_at(severity, _SATURATION_FACTORS_AND_OFFSETS)

    value = x.amax(1, keepdim=True)
    chroma = value - x  # distance of each channel from the brightest one
    most = chroma.amax(1, keepdim=True)

    red = x.new_tensor([0.0, 1.0, 1.0])[:, None, None]  # grey pixels get the hue red
    hue = torch.where(most > 0, chroma / most.clamp_min(_SMALLEST), red)

    saturation = factor * most / value.clamp_min(_SMALLEST) + offset
    saturation = saturation.clamp(0, 1)

    changed = value - value * saturation * hue
    return changed.clamp(0, 1)
