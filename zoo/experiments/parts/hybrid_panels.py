"""The figure of a stream of tasks: accuracies, alarms of new tasks, and samples of each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from zoo.experiments.parts.batch_tests import draw_trace
from zoo.experiments.parts.encoded_images import EncodedImages
from zoo.experiments.parts.task_stream import HELD_OUT
from zoo.experiments.running.run import Run
from zoo.plots.forgetting import accuracy_matrix, average_curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLUMNS = 4
_NUM_CLASSES = 10


def draw_sequences(
    run: Run,
    found: Mapping[str, Sequence[Mapping[str, Any]]],
    methods: Sequence[str],
    images: EncodedImages,
) -> None:
    """Draw matrices of accuracies, traces of p-values, and samples of the first seed.

    Arguments:
        run: The run.
        found: What each method knows, for each seed.
        methods: The four methods that learn one task after the other; the first three are
            flows.
        images: The images, to decode samples.
    """
    matrices = {
        name: torch.stack([each["matrix"] for each in found[name]]) for name in methods
    }
    flows = methods[:3]
    title = f"Pairs of digits learned in turn, {images.data.name}"
    with run.report.panels(rows=3, columns=_COLUMNS, title=title) as axes:
        for ax, (name, matrix) in zip(axes[0], matrices.items(), strict=True):
            accuracy_matrix(ax, matrix.numpy(), name)

        for ax, name in zip(axes[1], flows, strict=False):
            table = found[name][0]["batches"][HELD_OUT]
            draw_trace(ax, table, f"{name}: batches")

        for ax, name in zip(axes[2], flows, strict=False):
            samples = images.decode(found[name][0]["samples"])
            _draw_samples(ax, samples, f"{name}: samples")

        average_curves(axes[1, -1], matrices)
        shown = len(found[flows[0]][0]["samples"]) // _NUM_CLASSES  # of each class
        _draw_samples(axes[2, -1], images.decode(_first(images, shown)), "test images")


def _draw_samples(ax: Axes, images: Tensor, title: str) -> None:
    """Draw images (N, 1, H, W) as a grid, a class in each row."""
    height, width = images.shape[-2:]
    rows = images.reshape(_NUM_CLASSES, -1, height, width)
    sheet = rows.permute(0, 2, 1, 3).reshape(_NUM_CLASSES * height, -1)
    low, high = torch.quantile(sheet, torch.tensor([0.01, 0.99])).tolist()
    ax.imshow(sheet.numpy(), cmap="gray_r", vmin=low, vmax=high)
    ax.set(xticks=[], yticks=[], title=title)


def _first(images: EncodedImages, number: int) -> Tensor:
    """Return the components of the first test images of each class, the classes in turn."""
    x, y = images.data.test
    rows = []
    for label in range(_NUM_CLASSES):
        of_class = (y == label).nonzero().flatten()
        rows.append(of_class[torch.arange(number) % len(of_class)])

    return x[torch.cat(rows)]
