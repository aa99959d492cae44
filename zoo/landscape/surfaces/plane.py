"""The negative log posterior on a plane: through three weight vectors, or of largest variance."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from zoo.data import Data
from zoo.landscape.points.ends import End, locations, model_of
from zoo.landscape.points.location import Location, Span
from zoo.landscape.points.target import BatchNorm, Target
from zoo.landscape.surfaces.principal import principal_plane
from zoo.landscape.surfaces.surface import Plane, evaluate
from zoo.posterior.posterior import Posterior
from zoo.runtime.counts import check_count


def plane(
    a: End,
    b: End | None = None,
    c: End | None = None,
    *,
    data: Data,
    shape: tuple[int, int] = (25, 25),
    margin: float = 0.25,
    test: Data | None = None,
    batch_norm: BatchNorm = "recompute",
) -> Plane:
    r"""Evaluate the negative log posterior on a plane of weights.

    .. math:: z(u, v) = z_a + u \, e_1 + v \, e_2, \quad e_1 \propto z_b - z_a, \quad
        e_2 \propto (z_c - z_a) - \langle z_c - z_a, e_1 \rangle e_1

    Three weight vectors span a plane. One posterior alone gives the plane of the largest
    variance of its draws: through their mean, along the first two principal directions. For a
    mixture of three points it is the plane through them; for a Bezier curve, the plane that
    the curve is in. `Plane.share` says how much of the variance it shows.

    References:
        Loss Surfaces, Mode Connectivity, and Fast Ensembling of DNNs (Garipov, Izmailov,
            Podoprikhin, Vetrov, Wilson, 2018)

    Arguments:
        a: The origin: a posterior, which stands for its mean, or weights by name. Alone, a
            posterior whose draws differ: of a sampler, an ensemble, a guide, a curve.
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
        ValueError: Points on one line, two ends, ends of different models.

    Example:
        >>> ends = [{name: draws[s] for name, draws in posterior.sample(2).items()}
        ...         for s in range(2)]
        >>> surface = landscape.plane(posterior, *ends, data=data, shape=(3, 4))
        >>> surface.values.shape
        torch.Size([3, 4])
        >>> landscape.plane(posterior, data=data, shape=(3, 4)).draws.shape
        torch.Size([100, 2])
    """
    num_rows, num_columns = shape
    check_count("rows of shape", num_rows, minimum=2)
    check_count("columns of shape", num_columns, minimum=2)

    ends = [end for end in (a, b, c) if end is not None]
    if len(ends) == 2:
        raise ValueError(
            "a plane is through three weight vectors or of one posterior, but these are two ends; "
            "write landscape.plane(a, b, c, data=data), or landscape.line(a, b, data)"
        )

    target = Target(model_of(ends), data, test, batch_norm)
    if len(ends) == 1 and isinstance(a, Posterior):
        span, points, draws, share = principal_plane(a, target)
        found = evaluate(target, span, points, *_axes(draws, shape, margin))

        return replace(found, names=("mean",), draws=draws, share=share)

    corners = locations(ends, target)
    points = _coordinates(corners)

    return evaluate(target, Span(corners), points, *_axes(points, shape, margin))


def _axes(
    places: Tensor, shape: tuple[int, int], margin: float
) -> tuple[Tensor, Tensor]:
    """Return coordinates x (W,) and y (H,) of a grid around places (K, 2)."""
    low, high = places.min(0).values, places.max(0).values
    beyond = margin * (high - low)
    (left, bottom), (right, top) = (low - beyond).tolist(), (high + beyond).tolist()
    num_rows, num_columns = shape

    x = torch.linspace(left, right, num_columns)
    y = torch.linspace(bottom, top, num_rows)

    return x, y


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
