"""Augmentation: images mirrored and moved by a few pixels, anew at every epoch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler

from zoo.datasets import Split


class Augmented(Dataset):
    """Images of which half are mirrored and all are cut out of a frame of the lowest value, at a random place.

    It is asked for whole batches, of which it changes each image on its own.

    Arguments:
        part: Images (N, C, H, W) and their labels.
        margin: Pixels of the frame.
    """

    def __init__(self, part: Split, margin: int = 4) -> None:
        self.part, self.margin = part, margin

    def __len__(self) -> int:
        return len(self.part.x)

    def __getitem__(self, rows: list[int]) -> tuple[Tensor, Tensor]:
        """Return the images of some rows, changed at random, and their labels."""
        x, margin = self.part.x[rows], self.margin
        count, _channels, height, width = x.shape
        x = torch.where((torch.rand(count) < 0.5).reshape(-1, 1, 1, 1), x.flip(-1), x)
        framed = pad(x, (margin,) * 4, value=float(x.min()))
        down, right = torch.randint(2 * margin + 1, (2, count, 1))
        down, right = (
            down + torch.arange(height),
            right + torch.arange(width),
        )  # (B, H), (B, W)
        index = torch.arange(count).reshape(-1, 1, 1)
        return framed.movedim(1, -1)[index, down[:, :, None], right[:, None]].movedim(
            -1, 1
        ), self.part.y[rows]


def loader(part: Split, batch_size: int = 128) -> DataLoader:
    """Return shuffled batches of a part, augmented."""
    data = Augmented(part)
    batches = BatchSampler(RandomSampler(data), batch_size, drop_last=False)
    return DataLoader(data, sampler=batches, batch_size=None)
