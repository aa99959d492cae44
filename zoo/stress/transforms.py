"""Transforms of any severity: rotation, noise, warping and skewing."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate

from zoo.runtime.torchvision_shim import load_torchvision
from zoo.stress.geometry import displace
from zoo.stress.pixels import checked_images

_KNOTS = 4  # of the field of a warp, along each side


def rotation(x: Tensor, degrees: float) -> Tensor:
    r"""Rotate images about their centre, counter-clockwise; the new corners are black.

    .. math:: x'(p) = x(R_{\theta} \, p)

    References:
        Bayesian deep learning with 10 % of the weights (Romijnders, 2019), a talk:
        0 to 70 degrees
        Dropout as a Bayesian Approximation (Gal, Ghahramani, 2016), figure 4

    Arguments:
        x: Pixels, (N, C, H, W).
        degrees: The angle in degrees.

    Raises:
        ValueError: Values outside [0, 1], or another shape.

    Example:
        >>> rotation(torch.eye(3).reshape(1, 1, 3, 3), 90.0).squeeze().round()
        tensor([[0., 0., 1.],
                [0., 1., 0.],
                [1., 0., 0.]])
    """
    x = checked_images(x)
    angle = _finite(degrees, "degrees")

    functional = load_torchvision().transforms.functional
    bilinear = functional.InterpolationMode.BILINEAR

    return functional.rotate(x, angle, bilinear)


def noise(x: Tensor, severity: float) -> Tensor:
    r"""Add normal noise to every value, without clipping.

    .. math:: x' = x + \text{severity} \cdot \epsilon, \qquad \epsilon \sim N(0, 1)

    As in the talk, values leave [0, 1]: clipped, a scale of 2 would give an image of
    black and white dots. `gaussian_noise` is clipped, as the noise of a camera is.

    References:
        Bayesian deep learning with 10 % of the weights (Romijnders, 2019), a talk:
        scales 0 to 2

    Arguments:
        x: Pixels, (N, C, H, W).
        severity: Standard deviation of the noise, where white is 1.

    Raises:
        ValueError: Values outside [0, 1], another shape, a negative severity.

    Example:
        >>> noise(torch.zeros(1, 1, 4, 4), 0.5).shape
        torch.Size([1, 1, 4, 4])
    """
    x = checked_images(x)
    scale = _finite(severity, "severity", lowest=0.0)

    normal = torch.randn_like(x)
    return x + scale * normal


def warp(x: Tensor, severity: float) -> Tensor:
    r"""Move every pixel along a smooth random field, another field for each image.

    .. math:: x'(p) = x(p + \text{severity} \cdot u(p)), \qquad \text{mean of } |u|^2 / 2 = 1

    u is a bicubic interpolation of normal random numbers on 4 x 4 knots; values beyond
    the border are black.

    References:
        Best Practices for Convolutional Neural Networks Applied to Visual Document
        Analysis (Simard, Steinkraus, Platt, 2003), elastic deformations

    Arguments:
        x: Pixels, (N, C, H, W).
        severity: Root mean square of the distance that pixels move along each axis, in
            pixels.

    Raises:
        ValueError: Values outside [0, 1], another shape, a negative severity.

    Example:
        >>> warp(torch.ones(1, 1, 8, 8), 1.0).shape
        torch.Size([1, 1, 8, 8])
    """
    x = checked_images(x)
    distance = _finite(severity, "severity", lowest=0.0)

    shape = (len(x), 2, _KNOTS, _KNOTS)
    knots = torch.randn(shape, dtype=x.dtype, device=x.device)
    size = x.shape[-2:]

    field = interpolate(knots, size=size, mode="bicubic", align_corners=True)

    mean_square = field.square().mean((1, 2, 3), keepdim=True)
    root_mean_square = mean_square.sqrt()
    field = distance * field / root_mean_square

    return displace(x, field)


def skew(x: Tensor, severity: float) -> Tensor:
    r"""Stretch and shear images from their upper left corner; the talk calls this a warp.

    .. math:: x'\binom{u}{v} =
        x\Big( \begin{pmatrix} 1 - s & s \\ s & 1 + s \end{pmatrix} \binom{u}{v} \Big)

    References:
        Bayesian deep learning with 10 % of the weights (Romijnders, 2019), a talk:
        strengths 0 to 0.3

    Arguments:
        x: Pixels, (N, C, H, W).
        severity: s, as a share of the image's side.

    Raises:
        ValueError: Values outside [0, 1], or another shape.

    Example:
        >>> skew(torch.ones(1, 1, 4, 4), 0.5).squeeze()[:, -1]
        tensor([1.0000, 0.5000, 0.0000, 0.0000])
    """
    x = checked_images(x)
    s = _finite(severity, "severity")

    affine_map = [[1 - s, s, 0.0], [s, 1 + s, 2 * s]]  # in coordinates from -1 to 1

    theta = torch.tensor(affine_map, dtype=x.dtype, device=x.device)
    theta = theta.expand(len(x), 2, 3)

    grid = affine_grid(theta, list(x.shape), align_corners=False)
    return grid_sample(x, grid, align_corners=False)


def _finite(value: float, name: str, lowest: float = -math.inf) -> float:
    """Return a value if it is a finite number that is not below the lowest one allowed."""
    if math.isfinite(value) and value >= lowest:
        return float(value)

    bound = "" if lowest == -math.inf else f" of at least {lowest:g}"
    raise ValueError(f"{name} must be a finite number{bound}, not {value}")
