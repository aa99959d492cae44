"""Blur at five severities: defocus, gaussian, glass, motion and zoom."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from zoo.stress.geometry import enlarge
from zoo.stress.pixels import checked_images, constant_at
from zoo.stress.smoothing import smooth, smooth_along_lines

# The constants of CIFAR-10-C at severities 1 to 5; lengths are in pixels.
_DEFOCUS_DISKS = ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1.0, 0.2), (1.5, 0.1))
_GAUSSIAN_SIGMAS = (0.4, 0.6, 0.7, 0.8, 1.0)
_GLASS_SIGMAS_AND_REPEATS = ((0.05, 1), (0.25, 1), (0.4, 1), (0.25, 2), (0.4, 2))
_MOTION_RADII_AND_SIGMAS = ((6, 1.0), (6, 1.5), (6, 2.0), (8, 2.0), (9, 2.5))
_MOTION_ANGLES = (-45.0, 45.0)  # degrees
_ZOOM_LARGEST_FACTORS = (1.06, 1.11, 1.16, 1.21, 1.26)


def defocus_blur(x: Tensor, severity: int) -> Tensor:
    r"""Average over a disk with soft edges, as a lens out of focus does.

    .. math:: x' = x * D_r * G_\sigma

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations
        (Hendrycks, Dietterich, 2019)

    Arguments:
        x: Pixels, (N, C, H, W).
        severity: 1 to 5, radii of 0.3 to 1.5 pixels.

    Example:
        >>> defocus_blur(torch.ones(1, 1, 8, 8), 3).mean().round()
        tensor(1.)
    """
    x = checked_images(x)
    radius, sigma = constant_at(severity, _DEFOCUS_DISKS)

    channels = x.shape[1]
    kernel = _soft_disk(radius, sigma, like=x)
    kernels = kernel.expand(channels, 1, 7, 7)

    padded = pad(x, (3, 3, 3, 3), mode="reflect")
    blurred = conv2d(padded, kernels, groups=channels)

    return blurred.clamp(0, 1)


def gaussian_blur(x: Tensor, severity: int) -> Tensor:
    r"""Average with normal weights.

    .. math:: x' = x * G_\sigma

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations
        (Hendrycks, Dietterich, 2019)

    Arguments:
        x: Pixels, (N, C, H, W).
        severity: 1 to 5, standard deviations of 0.4 to 1 pixels.

    Example:
        >>> gaussian_blur(torch.ones(1, 1, 8, 8), 3).mean().round()
        tensor(1.)
    """
    x = checked_images(x)
    sigma = constant_at(severity, _GAUSSIAN_SIGMAS)
    return smooth(x, sigma).clamp(0, 1)


def glass_blur(x: Tensor, severity: int) -> Tensor:
    r"""Replace every pixel by itself or a neighbour, between two slight blurs, like frosted glass.

    .. math:: x' = G_\sigma * S(G_\sigma * x), \qquad
        S(x)_{ij} = x_{i - a, j - b}, \quad a, b \in \{0, 1\}

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations
        (Hendrycks, Dietterich, 2019)

    Arguments:
        x: Pixels, (N, C, H, W).
        severity: 1 to 5, standard deviations of 0.05 to 0.4 pixels; pixels are replaced
            once or twice.

    Example:
        >>> glass_blur(torch.ones(1, 1, 8, 8), 5).mean().round()
        tensor(1.)
    """
    x = checked_images(x)
    sigma, repeats = constant_at(severity, _GLASS_SIGMAS_AND_REPEATS)

    x = smooth(x, sigma)
    for _ in range(repeats):
        x = _replaced_by_neighbours(x)

    return smooth(x, sigma).clamp(0, 1)


def motion_blur(x: Tensor, severity: int) -> Tensor:
    r"""Average every image along a line, up to 45 degrees from the horizontal.

    .. math:: x'(p) = \sum_i G_\sigma(i) \, x(p + i d), \qquad
        d \text{ at an angle from } U(-45°, 45°)

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations
        (Hendrycks, Dietterich, 2019)

    Arguments:
        x: Pixels, (N, C, H, W).
        severity: 1 to 5, standard deviations of 1 to 2.5 pixels.

    Example:
        >>> motion_blur(torch.ones(1, 1, 8, 8), 5).mean().round()
        tensor(1.)
    """
    x = checked_images(x)
    radius, sigma = constant_at(severity, _MOTION_RADII_AND_SIGMAS)

    blurred = smooth_along_lines(x, radius, sigma, _MOTION_ANGLES)
    return blurred.clamp(0, 1)


def zoom_blur(x: Tensor, severity: int) -> Tensor:
    r"""Average over growing enlargements, as a camera does that moves towards the object.

    .. math:: x' = \frac{1}{Z + 1} \Big( x + \sum_z \text{enlarged}_z(x) \Big)

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations
        (Hendrycks, Dietterich, 2019)

    Arguments:
        x: Pixels, (N, C, H, W).
        severity: 1 to 5, enlargements up to a factor of 1.06 to 1.26.

    Example:
        >>> zoom_blur(torch.ones(1, 1, 8, 8), 5).mean().round()
        tensor(1.)
    """
    x = checked_images(x)
    largest = constant_at(severity, _ZOOM_LARGEST_FACTORS)
    factors = torch.arange(1.0, largest, 0.01, dtype=torch.float64)

    total = x.clone()
    for factor in factors.tolist():
        total += enlarge(x, factor)

    mean = total / (len(factors) + 1)
    return mean.clamp(0, 1)


def _soft_disk(radius: float, sigma: float, like: Tensor) -> Tensor:
    """Return a disk convolved with a normal density, (1, 1, 7, 7); its sum is one."""
    offsets = torch.arange(-3, 4, dtype=like.dtype, device=like.device)

    squares = offsets**2
    squared_distance = squares[:, None] + squares

    disk = (squared_distance <= radius**2).to(like)
    disk = disk / disk.sum()

    standardised = offsets[2:5] / sigma
    density = (-0.5 * standardised**2).exp()
    density_2d = torch.outer(density, density) / density.sum() ** 2

    return conv2d(disk[None, None], density_2d[None, None], padding=1)


def _replaced_by_neighbours(x: Tensor) -> Tensor:
    """Replace every pixel at random by itself or the neighbour above, to the left, or both."""
    height, width = x.shape[-2:]

    steps = torch.randint(0, 2, (2, len(x), height, width), device=x.device)
    steps[:, :, :2] = 0  # the upper and the left border stay
    steps[:, :, :, :2] = 0

    up, left = steps
    rows = torch.arange(height, device=x.device)[:, None] - up
    columns = torch.arange(width, device=x.device) - left

    index = rows * width + columns  # into flattened images
    index = index.flatten(1)[:, None]
    index = index.expand(-1, x.shape[1], -1)  # (N, C, H W)

    replaced = x.flatten(2).gather(2, index)
    return replaced.view_as(x)
