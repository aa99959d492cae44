"""Digital corruptions at five severities: elastic deformation, pixelation and JPEG compression."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import torch
from PIL import Image
from torch import Tensor

from zoo.stress.geometry import displace, pixel_grid
from zoo.stress.pixels import checked_images, constant_at
from zoo.stress.smoothing import smooth

# The constants of CIFAR-10-C at severities 1 to 5.
_ELASTIC = (  # alpha, sigma and the affine map's reach, as shares of the image's side
    (0.0, 0.0, 0.08),
    (0.05, 0.2, 0.07),
    (0.08, 0.06, 0.06),
    (0.1, 0.04, 0.05),
    (0.1, 0.03, 0.03),
)
_PIXELATE_SHARES = (0.95, 0.9, 0.85, 0.75, 0.65)
_JPEG_QUALITIES = (80, 65, 58, 50, 40)


def elastic(x: Tensor, severity: int) -> Tensor:
    r"""Apply a random affine map to images and deform them locally.

    .. math:: x'(p) = x(A^{-1} (p + u(p))), \qquad u = \alpha \, (G_\sigma * U(-1, 1))

    A moves three points by up to a share of the image's side. Beyond the border the
    image is reflected.

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations
        (Hendrycks, Dietterich, 2019)

    Arguments:
        x: Pixels, (N, C, H, W).
        severity: 1 to 5; 1 is the affine map alone.

    Example:
        >>> elastic(torch.ones(1, 1, 8, 8), 5).mean().round()
        tensor(1.)
    """
    x = checked_images(x)
    alpha, sigma, tilt = constant_at(severity, _ELASTIC)

    height, width = x.shape[-2:]
    side = min(height, width)
    field = x.new_zeros(len(x), 2, height, width)
    if alpha > 0:
        uniform = 2 * torch.rand_like(field) - 1
        field = alpha * side * smooth(uniform, sigma * side, reach=3.0)

    right, down = pixel_grid(x)
    grid = torch.stack([right, down])  # (2, H, W)

    inverse = _random_inverse_map(x, tilt)
    place = _with_ones(grid + field, 1)  # (N, 3, H, W)
    source = torch.einsum("nihw,nij->njhw", place, inverse)

    displaced = displace(x, source - grid, border="reflection")
    return displaced.clamp(0, 1)


def pixelate(x: Tensor, severity: int) -> Tensor:
    r"""Shrink images and enlarge them again, in blocks.

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations
        (Hendrycks, Dietterich, 2019)

    Arguments:
        x: Pixels, (N, C, H, W), C 1 or 3.
        severity: 1 to 5, 0.95 to 0.65 of the side.

    Example:
        >>> pixelate(torch.ones(1, 1, 8, 8), 5).mean().round()
        tensor(1.)
    """
    x = checked_images(x)
    share = constant_at(severity, _PIXELATE_SHARES)

    def in_blocks(image: Image.Image) -> Image.Image:
        width, height = image.size
        small = (int(width * share), int(height * share))
        shrunk = image.resize(small, Image.Resampling.BOX)

        return shrunk.resize(image.size, Image.Resampling.BOX)

    return _through_pillow(x, in_blocks)


def jpeg(x: Tensor, severity: int) -> Tensor:
    r"""Compress images with losses and read them again.

    References:
        Benchmarking Neural Network Robustness to Common Corruptions and Perturbations
        (Hendrycks, Dietterich, 2019)
        The JPEG still picture compression standard (Wallace, 1991)

    Arguments:
        x: Pixels, (N, C, H, W), C 1 or 3.
        severity: 1 to 5, quality 80 to 40.

    Example:
        >>> jpeg(torch.ones(1, 1, 8, 8), 5).mean().round()
        tensor(1.)
    """
    x = checked_images(x)
    quality = constant_at(severity, _JPEG_QUALITIES)

    def compressed(image: Image.Image) -> Image.Image:
        file = BytesIO()
        image.save(file, "JPEG", quality=quality)

        return Image.open(file)

    return _through_pillow(x, compressed)


def _random_inverse_map(x: Tensor, tilt: float) -> Tensor:
    """Draw an affine map for each image, and return its inverse, (N, 3, 2).

    Arguments:
        x: The images, (N, C, H, W).
        tilt: How far a map moves three points at most, as a share of the image's side.
    """
    height, width = x.shape[-2:]
    side = min(height, width)

    third = side // 3
    corners = [[third, third], [third, -third], [-third, -third]]
    middle = x.new_tensor([width // 2, height // 2])
    before = middle + x.new_tensor(corners)  # (3, 2)

    uniform = torch.rand(len(x), 3, 2).to(x)
    moves = tilt * side * (2 * uniform - 1)
    after = before + moves  # (N, 3, 2)

    return torch.linalg.solve(_with_ones(after, -1), before)


def _with_ones(points: Tensor, dim: int) -> Tensor:
    """Add a third coordinate of one to points, whose coordinates lie along a dimension."""
    first = points.narrow(dim, 0, 1)
    ones = torch.ones_like(first)
    return torch.cat([points, ones], dim)


def _through_pillow(x: Tensor, change: Callable[[Image.Image], Image.Image]) -> Tensor:
    """Change images one by one as 8-bit Pillow images.

    Raises:
        ValueError: Images that have neither 1 channel nor 3.
    """
    if x.shape[1] not in (1, 3):
        raise ValueError(f"Pillow needs images of 1 or 3 channels, not {x.shape[1]}")

    images = (255 * x).round()
    images = images.to("cpu", torch.uint8)
    images = images.permute(0, 2, 3, 1)  # (N, H, W, C)

    changed = []
    for image in images:
        array = image.squeeze(-1).numpy()
        result = change(Image.fromarray(array))

        values = bytearray(result.tobytes())
        changed.append(torch.frombuffer(values, dtype=torch.uint8))

    stacked = torch.stack(changed).reshape(images.shape)
    stacked = stacked.permute(0, 3, 1, 2).to(x)

    return (stacked / 255).contiguous()
