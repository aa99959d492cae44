"""Images in a folder for each class of ImageNet, which are read when they are needed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from zoo.datasets import Dataset, Split
from zoo.experiments.parts.imagenet_networks import TrainedNetwork
from zoo.runtime.torchvision_shim import load_torchvision

_NUM_CLASSES = 1000
_WORDNET = re.compile(r"n\d{8}")
_LAYOUT = (
    "lay the images out as folders train and val with a folder for each class, or as folders of "
    "classes alone; a class has its number, 0 to 999, or its WordNet id (n01440764) if all 1000 "
    "are there"
)


class ImageFiles(TorchDataset):
    """Images of files as a network takes them, each with the number of its class.

    Arguments:
        files: Paths and class numbers.
        prepare: Makes the input (C, H, W) of an image.
    """

    def __init__(
        self, files: Sequence[tuple[str, int]], prepare: Callable[[Any], Tensor]
    ) -> None:
        self.files = list(files)
        self.prepare = prepare

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return an input (C, H, W) and its class."""
        path, label = self.files[index]
        image = load_torchvision().datasets.folder.default_loader(path)

        return self.prepare(image), label

    def few(self, number: int | None) -> ImageFiles:
        """Return some of the images, evenly spaced; all if there are not more, or by None."""
        if number is None or number >= len(self):
            return self

        rows = torch.linspace(0, len(self) - 1, number).round().long().tolist()
        return ImageFiles([self.files[row] for row in rows], self.prepare)

    def read(self) -> Split:
        """Return all images at once: inputs (N, C, H, W) and classes (N,)."""
        images, labels = zip(*self, strict=True)
        return Split(torch.stack(images), torch.tensor(labels))

    def batches(
        self, size: int, *, shuffle: bool = False, num_workers: int = 0
    ) -> DataLoader:
        """Return batches of the images.

        Arguments:
            size: Number of images in a batch.
            shuffle: Whether each epoch has an order of its own.
            num_workers: Number of processes that read files.
        """
        return DataLoader(self, size, shuffle=shuffle, num_workers=num_workers)


@dataclass(frozen=True)
class ClassFolders:
    """The images of a folder.

    Arguments:
        train: Training images, cropped and mirrored at random.
        plain: The same images as test images are prepared.
        test: Test images.
        is_divided: Whether both parts are of one folder: every second image is a test image.
    """

    train: ImageFiles
    plain: ImageFiles
    test: ImageFiles
    is_divided: bool

    def in_memory(
        self, num_train: int, num_test: int, trained: TrainedNetwork
    ) -> Dataset:
        """Return some images of each part as a data set; the training images validate too."""
        train = self.plain.few(num_train).read()
        test = self.test.few(num_test).read()
        classes = tuple(range(_NUM_CLASSES))

        return Dataset(
            "ImageNet",
            train,
            test,
            x_units=trained.units,
            validation=train,
            classes=classes,
        )


def read_class_folders(
    folder: Path, trained: TrainedNetwork, num_train: int | None, num_test: int | None
) -> ClassFolders:
    """Find the images of a folder, and prepare them as a network takes them.

    Arguments:
        folder: The folder, with folders train and val, or with folders of classes.
        trained: The network.
        num_train: Number of training images, evenly spaced; None for all.
        num_test: Number of test images.

    Raises:
        FileNotFoundError: There are no images.
        ValueError: A folder is named otherwise, or there is only one image.
    """
    train_folder, test_folder = folder / "train", folder / "val"
    is_divided = not (train_folder.is_dir() and test_folder.is_dir())
    if is_divided:
        found = _files(folder)
        train, test = found[0::2], found[1::2]
    else:
        train, test = _files(train_folder), _files(test_folder)

    if not test:
        raise ValueError(f"{str(folder)!r} has only one image; {_LAYOUT}")

    at_test = _preparation(trained, at_random=False)
    plain = ImageFiles(train, at_test).few(num_train)

    return ClassFolders(
        train=ImageFiles(plain.files, _preparation(trained, at_random=True)),
        plain=plain,
        test=ImageFiles(test, at_test).few(num_test),
        is_divided=is_divided,
    )


def _files(folder: Path) -> list[tuple[str, int]]:
    """Return the paths of all images, with the numbers of their classes."""
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {str(folder)!r}; {_LAYOUT}")

    make = load_torchvision().datasets.folder
    names = [entry.name for entry in os.scandir(folder) if entry.is_dir()]
    if not names:
        raise FileNotFoundError(f"{str(folder)!r} has no folder of a class; {_LAYOUT}")

    found = make.make_dataset(
        str(folder), _numbers(folder, names), make.IMG_EXTENSIONS, allow_empty=True
    )
    if not found:
        raise FileNotFoundError(f"the folders of {str(folder)!r} are empty; {_LAYOUT}")

    return found


def _numbers(folder: Path, names: Sequence[str]) -> dict[str, int]:
    """Return the number of each class by the name of its folder."""
    names = sorted(names)
    if all(_WORDNET.fullmatch(name) for name in names) and len(names) == _NUM_CLASSES:
        return {name: number for number, name in enumerate(names)}

    for name in names:
        if not (name.isascii() and name.isdigit() and int(name) < _NUM_CLASSES):
            raise ValueError(
                f"the folder {str(folder / name)!r} is no class; {_LAYOUT}"
            )

    return {name: int(name) for name in names}


def _preparation(
    trained: TrainedNetwork, *, at_random: bool
) -> Callable[[Any], Tensor]:
    """Return what makes an input of an image, with a random crop for training."""
    transforms = load_torchvision().transforms
    mode = transforms.InterpolationMode(trained.interpolation)
    size = trained.size
    if at_random:
        crop = [
            transforms.RandomResizedCrop(size, interpolation=mode),
            transforms.RandomHorizontalFlip(),
        ]
    else:
        crop = [transforms.Resize(size * 8 // 7, mode), transforms.CenterCrop(size)]

    loc, scale = (value.flatten().tolist() for value in trained.units)
    steps = [*crop, transforms.ToTensor(), transforms.Normalize(loc, scale)]

    return transforms.Compose(steps)
