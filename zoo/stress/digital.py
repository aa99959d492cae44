"""What becomes of an image after the lens, at five severities: stretched, made of blocks, stored with losses."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import torch
from PIL import Image
from torch import Tensor

from zoo.stress.blurs import smoothed
from zoo.stress.pixels import grid_of, level
from zoo.stress.transforms import displaced


def elastic(x: Tensor, severity: int) -> Tensor:
    r"""Tilt images at random and stretch them locally.

    .. math:: x'(p) = x(A^{-1} (p + u(p))), \qquad u = \alpha \, (G_\sigma * U(-1, 1))

    A moves three points by up to a share of the image's side. What is drawn in from
    beyond the border is the image's reflection.

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations (Hendrycks, Dietterich, 2019)

    Arguments:
        x: Pixels, (N, C, H, W).
        severity: 1 to 5; 1 tilts alone.

    Example:
        >>> elastic(torch.ones(1, 1, 8, 8), 5).mean().round()
        tensor(1.)
    """
    alpha, sigma, tilt = level(
        severity,
        (
            (0.0, 0.0, 0.08),
            (0.05, 0.2, 0.07),
            (0.08, 0.06, 0.06),
            (0.1, 0.04, 0.05),
            (0.1, 0.03, 0.03),
        ),
    )
    height, width = grid_of(x).shape[-2:]
    side = min(height, width)
    field = x.new_zeros(len(x), 2, height, width)
    if alpha:
        field = (
            alpha
            * side
            * smoothed(2 * torch.rand_like(field) - 1, sigma * side, reach=3.0)
        )
    down, right = torch.meshgrid(
        torch.arange(height).to(x), torch.arange(width).to(x), indexing="ij"
    )
    place = torch.stack([right, down]) + field  # (N, 2, H, W)
    third, middle = side // 3, x.new_tensor([width // 2, height // 2])
    before = middle + x.new_tensor([[third, third], [third, -third], [-third, -third]])
    after = before + tilt * side * (2 * torch.rand(len(x), 3, 2).to(x) - 1)
    back = torch.linalg.solve(
        with_one(after), before
    )  # (N, 3, 2), from where a point is to where it was
    was = torch.einsum(
        "nihw,nij->njhw", torch.cat([place, torch.ones_like(place[:, :1])], 1), back
    )
    return displaced(x, was - torch.stack([right, down]), border="reflection").clamp(
        0, 1
    )


def pixelate(x: Tensor, severity: int) -> Tensor:
    r"""Make images smaller and as large again, in blocks.

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations (Hendrycks, Dietterich, 2019)

    Arguments:
        x: Pixels, (N, C, H, W), C 1 or 3.
        severity: 1 to 5, 0.95 to 0.65 of the side.

    Example:
        >>> pixelate(torch.ones(1, 1, 8, 8), 5).mean().round()
        tensor(1.)
    """
    share = level(severity, (0.95, 0.9, 0.85, 0.75, 0.65))

    def blocks(image: Image.Image) -> Image.Image:
        small = [int(side * share) for side in image.size]
        return image.resize(small, Image.Resampling.BOX).resize(
            image.size, Image.Resampling.BOX
        )

    return through_pillow(grid_of(x), blocks)


def jpeg(x: Tensor, severity: int) -> Tensor:
    r"""Store images with losses and read them again.

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations (Hendrycks, Dietterich, 2019)
        The JPEG still picture compression standard (Wallace, 1991)

    Arguments:
        x: Pixels, (N, C, H, W), C 1 or 3.
        severity: 1 to 5, quality 80 to 40.

    Example:
        >>> jpeg(torch.ones(1, 1, 8, 8), 5).mean().round()
        tensor(1.)
    """
    quality = level(severity, (80, 65, 58, 50, 40))

    def stored(image: Image.Image) -> Image.Image:
        file = BytesIO()
        image.save(file, "JPEG", quality=quality)
        return Image.open(file)

    return through_pillow(grid_of(x), stored)


def with_one(points: Tensor) -> Tensor:
    """Return points (N, 3, 2) with a third coordinate of one."""
    return torch.cat([points, torch.ones_like(points[..., :1])], -1)


def through_pillow(x: Tensor, change: Callable[[Image.Image], Image.Image]) -> Tensor:
    """Change images one by one as Pillow sees them, in bytes."""
    if x.shape[1] not in (1, 3):
        raise ValueError(f"Pillow takes images of 1 channel or 3, not of {x.shape[1]}")
    bytes_of = (255 * x).round().to("cpu", torch.uint8).permute(0, 2, 3, 1)
    images = [
        change(Image.fromarray((image.squeeze(-1)).numpy())) for image in bytes_of
    ]
    rows = [
        torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
        for image in images
    ]
    return (
        torch.stack(rows).reshape(bytes_of.shape).permute(0, 3, 1, 2).to(x) / 255
    ).contiguous()
