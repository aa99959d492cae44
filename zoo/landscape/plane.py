"""The negative log posterior on the plane through three weight vectors."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.data import Data
from zoo.landscape.ends import End, locations, model_of
from zoo.landscape.location import Location, Span
from zoo.landscape.surface import Plane, evaluate
from zoo.landscape.target import BatchNorm, Target
from zoo.runtime.counts import check_count


def plane(
    a: End,
    b: End,
    c: End,
    *,
    data: Data,
    shape: tuple[int, int] = (25, 25),
    margin: float = 0.25,
    test: Data | None = None,
    batch_norm: BatchNorm = "recompute",
) -> Plane:
    r"""Evaluate the negative log posterior on the plane through three weight vectors.

    .. math:: z(u, v) = z_a + u \, e_1 + v \, e_2, \quad e_1 \propto z_b - z_a, \quad
        e_2 \propto (z_c - z_a) - \langle z_c - z_a, e_1 \rangle e_1

    References:
        Loss Surfaces, Mode Connectivity, and Fast Ensembling of DNNs (Garipov, Izmailov,
            Podoprikhin, Vetrov, Wilson, 2018)

    Arguments:
        a: The origin: a posterior, which stands for its mean, or weights by name.
        b: It lies on the horizontal axis.
        c: The third point, such as the bend of a curve.
        data: The data that were fitted, in any form; of a data set with a test part, the
            test error is evaluated too.
        shape: Number of rows and columns of the grid, (H, W).
        margin: How far the grid goes beyond the points, as a share of their extent.
        test: Test data, for the test error.
        batch_norm: "recompute" takes statistics of batch normalisation anew from the data at
            every point; "carry" moves them along with the weights.

    Raises:
        ValueError: Points on one line, ends of different models, or point estimates.

    Example:
        >>> ends = [{name: draws[s] for name, draws in posterior.sample(2).items()}
        ...         for s in range(2)]
        >>> surface = landscape.plane(posterior, *ends, data=data, shape=(3, 4))
        >>> surface.values.shape
        torch.Size([3, 4])
    """
    num_rows, num_columns = shape
    check_count("rows of shape", num_rows, minimum=2)
    check_count("columns of shape", num_columns, minimum=2)

    ends = [a, b, c]
    target = Target(model_of(ends), data, test, batch_norm)
    corners = locations(ends, target)
    points = _coordinates(corners)

    low, high = points.min(0).values, points.max(0).values
    extent = margin * (high - low)
    x = torch.linspace(float((low - extent)[0]), float((high + extent)[0]), num_columns)
    y = torch.linspace(float((low - extent)[1]), float((high + extent)[1]), num_rows)

    return evaluate(target, Span(corners), points, x, y)


def _coordinates(corners: list[Location]) -> Tensor:
    """Return the coordinates of three points on their plane, (3, 2)."""
    a, b, c = (corner.q.double().cpu() for corner in corners)
    right = b - a
    width = right.norm()
    along = (c - a) @ right / width
    height = (c - a - along * right / width).norm()

    if not bool(height > 1e-6 * (c - a).norm()) or not bool(width > 0):
        raise ValueError(
            "a plane needs three points that are not on one line, but these are; give other "
            "ones, or write landscape.line(a, b, data)"
        )

    zero = torch.zeros(())

    return torch.stack(
        [torch.stack(pair) for pair in ((zero, zero), (width, zero), (along, height))]
    ).double()
