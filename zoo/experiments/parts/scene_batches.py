"""Augmentation of scenes: images and label maps are mirrored and cropped in another light."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample
from torch.utils.data import BatchSampler, DataLoader, RandomSampler
from torch.utils.data import Dataset as TorchDataset

from zoo.datasets import Dataset, Split


@dataclass
class AugmentedScenes(TorchDataset):
    """Scenes of which a part is shown in the size of the whole, mirrored half the time.

    Labels are those of the nearest pixels, so no label is a mixture. An index may be a
    list of rows, so that a batch is made in one call.

    Arguments:
        part: Images (N, C, H, W) and their label maps (N, H, W).
        zoom: The part is 1 - zoom to 1 of the height and width.
        light: Contrast is multiplied by 1 - light to 1 + light, and a brightness of
            -light to light is added, in units of the images.
    """

    part: Split
    zoom: float
    light: float

    def __len__(self) -> int:
        return len(self.part.x)

    def __getitem__(self, rows: int | list[int]) -> tuple[Tensor, Tensor]:
        """Return the images of some rows, changed at random, and their label maps."""
        if isinstance(rows, int):
            images, maps = self[[rows]]
            return images[0], maps[0]

        x, y = self.part.x[rows], self.part.y[rows]
        grid = affine_grid(self._views(len(x)), list(x.shape), align_corners=False)
        images = grid_sample(x, grid, padding_mode="border", align_corners=False)

        maps = y.unsqueeze(1).to(x.dtype)
        nearest = grid_sample(
            maps, grid, mode="nearest", padding_mode="border", align_corners=False
        )

        return self._in_other_light(images), nearest.squeeze(1).to(y.dtype)

    def _views(self, number: int) -> Tensor:
        """Return what is seen of each image, as maps of coordinates -1 to 1, (B, 2, 3)."""
        side = 1 - self.zoom * torch.rand(number)
        mirror = torch.where(torch.rand(number) < 0.5, -1.0, 1.0)
        centres = (1 - side) * (2 * torch.rand(2, number) - 1)

        views = torch.zeros(number, 2, 3)
        views[:, 0, 0] = mirror * side
        views[:, 1, 1] = side
        views[:, :, 2] = centres.T

        return views

    def _in_other_light(self, images: Tensor) -> Tensor:
        """Return images of another contrast and brightness."""
        contrast, brightness = 2 * torch.rand(2, len(images), 1, 1, 1) - 1

        return (1 + self.light * contrast) * images + self.light * brightness


def scene_batches(
    part: Split, batch_size: int, *, zoom: float, light: float
) -> DataLoader:
    """Return batches of a part in an order drawn anew in each epoch, augmented.

    Arguments:
        part: Images (N, C, H, W) and their label maps (N, H, W).
        batch_size: Number of images in a batch.
        zoom: See `AugmentedScenes`.
        light: See `AugmentedScenes`.
    """
    data = AugmentedScenes(part, zoom, light)
    batches = BatchSampler(RandomSampler(data), batch_size, drop_last=False)

    return DataLoader(data, sampler=batches, batch_size=None)


def of_equal_contrast(data: Dataset) -> Dataset:
    """Return a data set whose images have mean 0 and standard deviation 1 each.

    It takes out what is common to a film that was taken at dusk.

    Arguments:
        data: The data set, with a validation part.
    """
    assert data.validation is not None
    parts = {
        "train": _of_equal_contrast(data.train),
        "validation": _of_equal_contrast(data.validation),
        "test": _of_equal_contrast(data.test),
    }

    return replace(data, **parts)


def _of_equal_contrast(part: Split) -> Split:
    """Return a part whose images have mean 0 and standard deviation 1 each."""
    values = part.x.flatten(1)
    loc = values.mean(1)[:, None, None, None]
    scale = values.std(1)[:, None, None, None]

    return Split((part.x - loc) / scale, part.y)
