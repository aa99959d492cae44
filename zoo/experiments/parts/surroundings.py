"""The surroundings of a fit: planes in random directions, and how flat the training loss is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from zoo import landscape
from zoo.datasets import Split
from zoo.experiments.running.run import Run
from zoo.experiments.running.scores import Number
from zoo.landscape.surfaces.grid_curvature import nonconvex_share, num_minima
from zoo.posterior.posterior import Posterior

_HIGH = 1.0  # nats per datum above the fit
_BATCH_SIZE = 100  # of a product with the Hessian


@dataclass(frozen=True)
class Look:
    """How the surroundings of a fit are evaluated.

    Arguments:
        num_images: Number of training images of the planes, the first ones.
        num_curved: Number of training images of the curvature.
        shape: Rows and columns of the plane that is drawn.
        other_shape: Those of planes in other directions.
        num_others: Number of planes in other directions.
    """

    num_images: int
    num_curved: int
    shape: tuple[int, int]
    other_shape: tuple[int, int]
    num_others: int


@dataclass(frozen=True)
class Surroundings:
    """Planes around a fit, and its flatness.

    Arguments:
        planes: Coordinates x (W,) and y (H,), and the negative log posterior `values` (H, W) in
            nats per datum; the first plane is the one that is drawn.
        flatness: Fields of `landscape.Flatness`, "bare" and "relative".
    """

    planes: list[dict[str, Tensor]]
    flatness: dict[str, dict[str, Any]]

    @property
    def rise(self) -> dict[str, Tensor]:
        """The drawn plane, with values above that of the fit, whatever their constants are."""
        drawn = self.planes[0]

        return drawn | {"values": _rise(drawn["values"])}

    @property
    def share_above(self) -> Number:
        """Per cent of the area more than a nat above the fit, with its error over planes."""
        shares = []
        for plane in self.planes:
            is_high = (_rise(plane["values"]) > _HIGH).double()
            area = torch.trapezoid(torch.trapezoid(is_high))  # in cells of the grid
            rows, columns = is_high.shape
            shares.append(100 * float(area) / ((rows - 1) * (columns - 1)))

        return Number.mean(torch.tensor(shares))

    @property
    def nonconvex(self) -> float:
        """Per cent of the inner points at which the drawn surface curves downwards somewhere."""
        return 100 * nonconvex_share(**_arguments(self.planes[0]))

    @property
    def minima(self) -> int:
        """Number of minima of the drawn grid."""
        return num_minima(self.planes[0]["values"])


def look_around(
    run: Run, name: str, fit: Posterior, train: Split, look: Look
) -> Surroundings:
    """Return the surroundings of a fit, kept in the files of the run.

    Statistics of batch normalisation are those of the fit, as in the paper's program. The
    likelihood is that of a few training images, the prior counts for all of them.

    Arguments:
        run: The run.
        name: The name of the fit.
        fit: The fit.
        train: Training images as they are, and their labels.
        look: Numbers of images and of points.
    """
    seen = train.x[: look.num_images], train.y[: look.num_images]
    share = len(seen[0]) / len(train.x)

    def plane(number: int) -> dict[str, Tensor]:
        torch.manual_seed(run.seed + number)
        shape = look.other_shape if number else look.shape
        found = landscape.random_plane(fit, seen, shape=shape, batch_norm="carry")
        values = found.loss + share * found.prior

        return {"x": found.x, "y": found.y, "values": values}

    def flatness(relative: bool) -> dict[str, Any]:
        few = seen[0][: look.num_curved], seen[1][: look.num_curved]
        found = landscape.flatness(
            fit, few, relative=relative, num_products=0, batch_size=_BATCH_SIZE
        )
        return dict(vars(found))

    planes = []
    for number in range(1 + look.num_others):
        key = f"plane {number}, {name}"
        kept = run.keep(key, partial(plane, number), fit=fit, look=look)
        planes.append(kept)

    scores = {}
    for units in ("bare", "relative"):
        key = f"flatness, {units}, {name}"
        make = partial(flatness, units == "relative")
        scores[units] = run.keep(key, make, fit=fit, look=look)

    return Surroundings(planes, scores)


def _rise(values: Tensor) -> Tensor:
    """Return values of a grid above the one in the middle, that of the fit."""
    rows, columns = values.shape

    return values - values[rows // 2, columns // 2]


def _arguments(plane: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a plane as arguments of a function of a grid."""
    return {"x": plane["x"], "y": plane["y"], "heights": plane["values"]}
