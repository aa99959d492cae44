"""Border profile: an uncertainty against the distance to the nearest border of classes."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class BorderProfile(NamedTuple):
    """Means by the distance of a pixel to the nearest border of classes.

    Arguments:
        distance: Distance in pixels, (K,): 0 for the pixels on both sides of a border.
        mean: Mean of the values, (K,); NaN at a distance that no pixel has.
        count: Number of pixels, (K,), int64.
    """

    distance: Tensor
    mean: Tensor
    count: Tensor  # type: ignore[assignment]  # hides tuple.count


def border_profile(
    values: Tensor, labels: Tensor, ignore_index: int = -100, most: int = 20
) -> BorderProfile:
    r"""Mean of values at each whole distance to the nearest border of classes, in pixels.

    .. math:: d_n = \min \{ |n - m| : m \text{ has a neighbour of another class} \}

    Distances are Euclidean, rounded down. Pixels that have no class are left out, and
    their edge is no border. An image of one class has no border, and none of its pixels
    count.

    References:
        Bayesian SegNet: Model Uncertainty in Deep Convolutional Encoder-Decoder Architectures
        for Scene Understanding (Kendall, Badrinarayanan, Cipolla, 2017), who see model
        uncertainty at the borders of classes

    Arguments:
        values: A value of each pixel, (N, H, W), e.g. an uncertainty in nats.
        labels: Label maps, (N, H, W).
        ignore_index: Label of the pixels that are left out, besides -100.
        most: The greatest distance; pixels farther away are left out.

    Raises:
        ValueError: Shapes that do not fit.

    Example:
        >>> import torch
        >>> from zoo import metrics
        >>> labels = torch.tensor([[[0, 0, 0, 1, 1, 1]]])
        >>> values = torch.tensor([[[0.1, 0.2, 0.9, 0.7, 0.2, 0.1]]])
        >>> metrics.border_profile(values, labels, most=2).mean
        tensor([0.8000, 0.2000, 0.1000])
    """
    if values.shape != labels.shape or values.dim() != 3:
        raise ValueError(
            f"values have shape {tuple(values.shape)} and labels {tuple(labels.shape)}; write "
            "(N, H, W) for both"
        )

    labels = labels.cpu().masked_fill(labels.cpu() == ignore_index, -100)
    sums = torch.zeros(most + 1, dtype=torch.float64)
    counts = torch.zeros(most + 1, dtype=torch.int64)
    for image, map_ in zip(values.cpu().double(), labels, strict=True):
        distance = _distance(map_)
        if distance is None:
            continue

        is_near = (map_ != -100) & (distance <= most)
        places = distance[is_near]
        sums += torch.bincount(places, image[is_near], most + 1)
        counts += torch.bincount(places, minlength=most + 1)

    return BorderProfile(torch.arange(most + 1), (sums / counts).float(), counts)


def _distance(labels: Tensor) -> Tensor | None:
    """Return the whole distance (H, W) of each pixel to the nearest border; None without one."""
    from scipy.ndimage import distance_transform_edt

    is_border = torch.zeros_like(labels, dtype=torch.bool)
    for dim in (0, 1):
        size = labels.shape[dim] - 1
        before, after = labels.narrow(dim, 0, size), labels.narrow(dim, 1, size)
        differs = (before != after) & (before != -100) & (after != -100)
        is_border.narrow(dim, 0, size).logical_or_(differs)
        is_border.narrow(dim, 1, size).logical_or_(differs)

    if not bool(is_border.any()):
        return None

    distance = distance_transform_edt(~is_border.numpy())
    return torch.from_numpy(distance).floor().long()
