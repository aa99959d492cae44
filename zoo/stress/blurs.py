"""Blur at five severities: out of focus, gaussian, through glass, by motion, and by zooming."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, pad

from zoo.runtime.torchvision_shim import load_torchvision
from zoo.stress.pixels import grid_of, level


def defocus_blur(x: Tensor, severity: int) -> Tensor:
    r"""Average over a disk with soft edges, as a lens out of focus does.

    .. math:: x' = x * D_r * G_\sigma

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations (Hendrycks, Dietterich, 2019)

    Arguments:
        x: Pixels, (N, C, H, W).
        severity: 1 to 5, radii of 0.3 to 1.5 pixels.

    Example:
        >>> defocus_blur(torch.ones(1, 1, 8, 8), 3).mean().round()
        tensor(1.)
    """
    radius, sigma = level(
        severity, ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1.0, 0.2), (1.5, 0.1))
    )
    reach = torch.arange(-3, 4, dtype=x.dtype, device=x.device)
    disk = (reach[:, None] ** 2 + reach**2 <= radius**2).to(x)
    soft = (-0.5 * (reach[2:5] / sigma) ** 2).exp()
    kernel = conv2d(
        (disk / disk.sum())[None, None],
        torch.outer(soft, soft)[None, None] / soft.sum() ** 2,
        padding=1,
    )
    channels = x.shape[1]
    wide = pad(grid_of(x), (3, 3, 3, 3), mode="reflect")
    return conv2d(wide, kernel.expand(channels, 1, 7, 7), groups=channels).clamp(0, 1)


def gaussian_blur(x: Tensor, severity: int) -> Tensor:
    r"""Average with normal weights.

    .. math:: x' = x * G_\sigma

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations (Hendrycks, Dietterich, 2019)

    Arguments:
        x: Pixels, (N, C, H, W).
        severity: 1 to 5, standard deviations of 0.4 to 1 pixels.

    Example:
        >>> gaussian_blur(torch.ones(1, 1, 8, 8), 3).mean().round()
        tensor(1.)
    """
    return smoothed(grid_of(x), level(severity, (0.4, 0.6, 0.7, 0.8, 1.0))).clamp(0, 1)


def glass_blur(x: Tensor, severity: int) -> Tensor:
    r"""Let every pixel show itself or one of its neighbours, between two slight blurs, as frosted glass does.

    .. math:: x' = G_\sigma * S(G_\sigma * x), \qquad S(x)_{ij} = x_{i - a, j - b}, \quad a, b \in \{0, 1\}

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations (Hendrycks, Dietterich, 2019)

    Arguments:
        x: Pixels, (N, C, H, W).
        severity: 1 to 5, standard deviations of 0.05 to 0.4 pixels, neighbours once or
            twice.

    Example:
        >>> glass_blur(torch.ones(1, 1, 8, 8), 5).mean().round()
        tensor(1.)
    """
    sigma, times = level(
        severity, ((0.05, 1), (0.25, 1), (0.4, 1), (0.25, 2), (0.4, 2))
    )
    x = smoothed(grid_of(x), sigma)
    height, width = x.shape[-2:]
    for _ in range(times):
        step = torch.randint(0, 2, (2, len(x), height, width), device=x.device)
        step[:, :, :2], step[:, :, :, :2] = 0, 0  # the border stays
        down = torch.arange(height, device=x.device)[:, None] - step[0]
        right = torch.arange(width, device=x.device) - step[1]
        x = (
            x.flatten(2)
            .gather(
                2, (down * width + right).flatten(1)[:, None].expand(-1, x.shape[1], -1)
            )
            .view_as(x)
        )
    return smoothed(x, sigma).clamp(0, 1)


def motion_blur(x: Tensor, severity: int) -> Tensor:
    r"""Smear every image along a line, up to 45 degrees from the horizontal.

    .. math:: x'(p) = \sum_i G_\sigma(i) \, x(p + i d), \qquad d \text{ at an angle from } U(-45°, 45°)

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations (Hendrycks, Dietterich, 2019)

    Arguments:
        x: Pixels, (N, C, H, W).
        severity: 1 to 5, standard deviations of 1 to 2.5 pixels.

    Example:
        >>> motion_blur(torch.ones(1, 1, 8, 8), 5).mean().round()
        tensor(1.)
    """
    radius, sigma = level(severity, ((6, 1.0), (6, 1.5), (6, 2.0), (8, 2.0), (9, 2.5)))
    return smeared(grid_of(x), radius, sigma, (-45.0, 45.0)).clamp(0, 1)


def zoom_blur(x: Tensor, severity: int) -> Tensor:
    r"""Average over growing enlargements, as when a camera rushes towards what it sees.

    .. math:: x' = \frac{1}{Z + 1} \Big( x + \sum_z \text{enlarged}_z(x) \Big)

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations (Hendrycks, Dietterich, 2019)

    Arguments:
        x: Pixels, (N, C, H, W).
        severity: 1 to 5, up to 1.06 to 1.26 times as large.

    Example:
        >>> zoom_blur(torch.ones(1, 1, 8, 8), 5).mean().round()
        tensor(1.)
    """
    factors = torch.arange(
        1.0, level(severity, (1.06, 1.11, 1.16, 1.21, 1.26)), 0.01, dtype=torch.float64
    ).tolist()
    total = grid_of(x).clone()
    for factor in factors:
        total += enlarged(x, factor)
    return (total / (len(factors) + 1)).clamp(0, 1)


def smoothed(x: Tensor, sigma: float, reach: float = 4.0) -> Tensor:
    """Return images averaged with normal weights, cut off at so many standard deviations."""
    width = 2 * math.ceil(reach * sigma) + 1
    return load_torchvision().transforms.functional.gaussian_blur(
        x, [width, width], [sigma, sigma]
    )


def smeared(
    x: Tensor, radius: int, sigma: float, angles: tuple[float, float]
) -> Tensor:
    """Return images averaged along a line on one side of each pixel, at an angle drawn for each image."""
    height, width = x.shape[-2:]
    low, high = angles
    angle = torch.deg2rad(
        low + (high - low) * torch.rand(len(x), dtype=x.dtype, device=x.device)
    )
    weights = [math.exp(-0.5 * (i / sigma) ** 2) for i in range(2 * radius + 1)]
    image = torch.arange(len(x), device=x.device)[:, None, None]
    down, right = (
        torch.arange(height, device=x.device)[:, None],
        torch.arange(width, device=x.device),
    )
    last, total = (
        x.permute(0, 2, 3, 1),
        0.0,
    )  # channels last, which indexing leaves there
    for i, weight in enumerate(weights):
        steps = [
            (i * side - 0.5).ceil().long()[:, None, None]
            for side in (angle.sin(), angle.cos())
        ]
        rows, columns = (
            (down + steps[0]).clamp(0, height - 1),
            (right + steps[1]).clamp(0, width - 1),
        )
        total = total + weight / sum(weights) * last[image, rows, columns]
    return total.permute(0, 3, 1, 2)


def enlarged(x: Tensor, factor: float) -> Tensor:
    """Return the middle of images, enlarged to their size."""
    size = x.shape[-2:]
    part = [math.ceil(side / factor) for side in size]
    top, left = ((side - less) // 2 for side, less in zip(size, part, strict=True))
    middle = x[..., top : top + part[0], left : left + part[1]]
    large = interpolate(
        middle,
        size=[round(side * factor) for side in part],
        mode="bilinear",
        align_corners=True,
    )
    top, left = (
        (more - side) // 2 for side, more in zip(size, large.shape[-2:], strict=True)
    )
    return large[..., top : top + size[0], left : left + size[1]]
