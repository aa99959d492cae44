"""The negative log posterior around one weight vector, in two random directions."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from zoo.data import Data
from zoo.landscape.points.ends import End, locations, model_of
from zoo.landscape.points.location import Location, Span
from zoo.landscape.points.target import BatchNorm, Target
from zoo.landscape.surfaces.surface import Plane, evaluate
from zoo.runtime.counts import check_count


def random_plane(
    a: End,
    data: Data,
    *,
    shape: tuple[int, int] = (25, 25),
    radius: float = 1.0,
    test: Data | None = None,
    batch_norm: BatchNorm = "recompute",
) -> Plane:
    r"""Evaluate the negative log posterior in two random, filter-normalised directions.

    .. math:: z(u, v) = z_a + u \, d_1 + v \, d_2, \quad
        d_{ij} \leftarrow d_{ij} \frac{\lVert z_{ij} \rVert}{\lVert d_{ij} \rVert}

    Every filter (the weights of one output) of a direction has the norm of the filter of the
    network; tensors of one dimension, such as biases, stay as they are. Then planes of
    networks whose weights differ in scale can be compared. The units of the axes are the
    lengths of the two directions.

    References:
        Visualizing the Loss Landscape of Neural Nets (Li, Xu, Taylor, Studer, Goldstein,
            2018)

    Arguments:
        a: The origin: a posterior, which stands for its mean, or weights by name.
        data: The data that were fitted, in any form; of a data set with a test part, the
            test error is evaluated too.
        shape: Number of rows and columns of the grid, (H, W).
        radius: The grid is from minus this to this, in either direction.
        test: Test data, for the test error.
        batch_norm: "recompute" takes statistics of batch normalisation anew from the data at
            every point; "carry" keeps those of the origin.

    Example:
        >>> landscape.random_plane(posterior, data, shape=(3, 3)).values.shape
        torch.Size([3, 3])
    """
    num_rows, num_columns = shape
    check_count("rows of shape", num_rows, minimum=2)
    check_count("columns of shape", num_columns, minimum=2)

    target = Target(model_of([a]), data, test, batch_norm)
    (origin,) = locations([a], target)
    corners = [origin, _moved(target, origin), _moved(target, origin)]

    points = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    x = torch.linspace(-radius, radius, num_columns)
    y = torch.linspace(-radius, radius, num_rows)

    found = evaluate(target, Span(corners), points, x, y)

    return replace(found, names=("a",))


def _moved(target: Target, origin: Location) -> Location:
    """Return the origin plus a random, filter-normalised direction."""
    values, _ = target.potential.unpack(origin.q)
    moved = {}
    for name, value in values.items():
        moved[name] = value + filter_normalised(torch.randn_like(value), value)

    return Location(target.potential.pack(moved), origin.buffers)


def filter_normalised(direction: Tensor, weights: Tensor) -> Tensor:
    """Return a direction whose filters have the norms of the weights' filters.

    Arguments:
        direction: The direction, of the shape of the weights.
        weights: Weights (O, ...), a filter for each output; one dimension gives zeros.
    """
    if weights.dim() < 2:
        return torch.zeros_like(weights)

    norms = weights.flatten(1).norm(dim=1) / direction.flatten(1).norm(dim=1)
    ones = [1] * (weights.dim() - 1)

    return direction * norms.reshape(-1, *ones)
