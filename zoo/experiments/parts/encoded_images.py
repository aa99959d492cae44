"""Images as whitened principal components, which can be decoded again."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.datasets import Dataset, Split


@dataclass(frozen=True)
class EncodedImages:
    """Images as their whitened principal components.

    Arguments:
        data: The data set of components, (N, D).
        shape: Shape of an image.
        mean: Mean of all pixels, (P,).
        basis: Components of unit variance in units of pixels, (P, D).
    """

    data: Dataset
    shape: tuple[int, ...]
    mean: Tensor
    basis: Tensor

    def decode(self, x: Tensor) -> Tensor:
        """Return the images (N, *shape) of components (N, D)."""
        pixels = self.mean + x @ self.basis.T

        return pixels.reshape(-1, *self.shape)


def encode(data: Dataset, size: int) -> EncodedImages:
    """Return images as whitened components of the training part, found without labels.

    Arguments:
        data: A data set of images.
        size: Number D of components.
    """
    pixels = data.train.x.flatten(1).double()
    mean = pixels.mean(0)
    variances, directions = torch.linalg.eigh(torch.cov(pixels.T))  # ascending
    scales = variances[-size:].clamp_min(1e-12).sqrt()
    directions = directions[:, -size:]

    def whitened(part: Split) -> Split:
        centred = part.x.flatten(1).double() - mean
        return Split((centred @ directions / scales).float(), part.y)

    encoded = Dataset(
        data.name,
        whitened(data.train),
        whitened(data.test),
        validation=None if data.validation is None else whitened(data.validation),
        classes=data.classes,
    )
    basis = (directions * scales).float()

    return EncodedImages(encoded, tuple(data.train.x.shape[1:]), mean.float(), basis)
