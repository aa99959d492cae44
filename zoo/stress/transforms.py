"""Transforms of any severity: rotation, noise, warping and skewing, from nothing to beyond recognition."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate

from zoo.runtime.torchvision_shim import load_torchvision
from zoo.stress.pixels import grid_of

KNOTS = 4  # of a warp's field, along each side


def rotation(x: Tensor, degrees: float) -> Tensor:
    r"""Turn images about their middle, counter-clockwise; what comes into view is black.

    .. math:: x'(p) = x(R_{\theta} \, p)

    References:
        Bayesian deep learning with 10 % of the weights (Romijnders, 2019), a talk: 0 to 70 degrees
        Dropout as a Bayesian Approximation (Gal, Ghahramani, 2016), figure 4

    Arguments:
        x: Pixels, (N, C, H, W).
        degrees: The angle.

    Raises:
        ValueError: Values outside [0, 1], or another shape.

    Example:
        >>> rotation(torch.eye(3).reshape(1, 1, 3, 3), 90.0).squeeze().round()
        tensor([[0., 0., 1.],
                [0., 1., 0.],
                [1., 0., 0.]])
    """
    vision = load_torchvision().transforms.functional
    return vision.rotate(
        grid_of(x), finite(degrees, "degrees"), vision.InterpolationMode.BILINEAR
    )


def noise(x: Tensor, severity: float) -> Tensor:
    r"""Add normal noise to every value, and clip nothing.

    .. math:: x' = x + \text{scale} \cdot \epsilon, \qquad \epsilon \sim N(0, 1)

    As in the talk values leave [0, 1]: clipped, a scale of 2 would be a picture of
    black and white dots. `gaussian_noise` is clipped, as a camera's is.

    References:
        Bayesian deep learning with 10 % of the weights (Romijnders, 2019), a talk: scales 0 to 2

    Arguments:
        x: Pixels, (N, C, H, W).
        severity: Standard deviation of the noise, where white is 1.

    Raises:
        ValueError: Values outside [0, 1], another shape, a negative scale.

    Example:
        >>> noise(torch.zeros(1, 1, 4, 4), 0.5).shape
        torch.Size([1, 1, 4, 4])
    """
    return grid_of(x) + finite(severity, "severity", 0.0) * torch.randn_like(x)


def warp(x: Tensor, severity: float) -> Tensor:
    r"""Move every pixel along a smooth random field, another one for each image.

    .. math:: x'(p) = x(p + \text{severity} \cdot u(p)), \qquad \text{mean of } |u|^2 / 2 = 1

    u is bicubic between normal numbers on 4 x 4 knots; what is drawn in from beyond the
    border is black.

    References:
        Best Practices for Convolutional Neural Networks Applied to Visual Document Analysis (Simard, Steinkraus,
        Platt, 2003), elastic deformations

    Arguments:
        x: Pixels, (N, C, H, W).
        severity: How far pixels move along each axis, root mean square, in pixels.

    Raises:
        ValueError: Values outside [0, 1], another shape, a negative severity.

    Example:
        >>> warp(torch.ones(1, 1, 8, 8), 1.0).shape
        torch.Size([1, 1, 8, 8])
    """
    size = grid_of(x).shape[-2:]
    knots = torch.randn(len(x), 2, KNOTS, KNOTS, dtype=x.dtype, device=x.device)
    field = interpolate(knots, size=size, mode="bicubic", align_corners=True)
    field = (
        finite(severity, "severity", 0.0)
        * field
        / field.square().mean((1, 2, 3), keepdim=True).sqrt()
    )
    return displaced(x, field)


def skew(x: Tensor, severity: float) -> Tensor:
    r"""Stretch and shear images from their upper left corner, all in the same way: what the talk calls a warp.

    .. math:: x'\binom{u}{v} = x\Big( \begin{pmatrix} 1 - s & s \\ s & 1 + s \end{pmatrix} \binom{u}{v} \Big)

    References:
        Bayesian deep learning with 10 % of the weights (Romijnders, 2019), a talk: strengths 0 to 0.3

    Arguments:
        x: Pixels, (N, C, H, W).
        severity: s, as a share of the image's side.

    Raises:
        ValueError: Values outside [0, 1], or another shape.

    Example:
        >>> skew(torch.ones(1, 1, 4, 4), 0.5).squeeze()[:, -1]
        tensor([1.0000, 0.5000, 0.0000, 0.0000])
    """
    s = finite(severity, "severity")
    corner = [[1 - s, s, 0.0], [s, 1 + s, 2 * s]]  # in coordinates from -1 to 1
    turned = torch.tensor(corner, dtype=x.dtype, device=x.device).expand(
        len(grid_of(x)), 2, 3
    )
    return grid_sample(
        x, affine_grid(turned, x.shape, align_corners=False), align_corners=False
    )


def displaced(x: Tensor, field: Tensor, border: str = "zeros") -> Tensor:
    """Return images whose pixels come from where a field points: (N, 2, H, W), to the right and downwards in pixels."""
    height, width = x.shape[-2:]
    down, right = torch.meshgrid(
        torch.arange(height, dtype=x.dtype, device=x.device),
        torch.arange(width, dtype=x.dtype, device=x.device),
        indexing="ij",
    )
    place = torch.stack(
        [(right + field[:, 0]) / (width - 1), (down + field[:, 1]) / (height - 1)], -1
    )
    return grid_sample(x, 2 * place - 1, padding_mode=border, align_corners=True)


def finite(value: float, name: str, least: float = -math.inf) -> float:
    """Return a severity if it is a finite number, not below the least."""
    if not math.isfinite(value) or value < least:
        bound = "" if least == -math.inf else f" of at least {least:g}"
        raise ValueError(f"{name} is a finite number{bound}, not {value}")
    return float(value)
