"""The plane of largest variance through the mean of the draws of one posterior."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from zoo.landscape.points.ends import locations
from zoo.landscape.points.location import Location, Span
from zoo.landscape.points.target import Target
from zoo.posterior.posterior import Posterior

_NUM_DRAWS = 100
_SMALLEST = 1e-4  # spread in the second direction, as a share of that in the first


class Principal(NamedTuple):
    """A plane through the mean of draws.

    Arguments:
        span: The mean, and the points at a standard deviation from it in two directions.
        points: Coordinates of these three, (3, 2).
        draws: Coordinates of the draws, (S, 2).
        share: Share of the variance of the draws that is in the plane.
    """

    span: Span
    points: Tensor
    draws: Tensor
    share: float


def principal_plane(a: Posterior, target: Target) -> Principal:
    """Return the plane through the mean of draws, along their two principal directions.

    Arguments:
        a: A posterior, of which stored draws are taken, or a hundred new ones.
        target: The negative log posterior.

    Raises:
        ValueError: Draws that do not differ in two directions, such as those of a point.
    """
    number = a.num_available(_NUM_DRAWS)
    drawn = a.sample(number)
    sites = {name: drawn[name] for name in target.model.latents}
    q = target.potential.pack(sites)

    mean = q.mean(0)
    away = (q - mean).double()
    variances, directions = _directions(away)
    if len(q) < 3 or not bool(variances[1] > _SMALLEST**2 * variances[0]):
        raise ValueError(
            "a plane of one posterior is that of the largest variance of its draws, but the draws "
            f"of this {a.source} are one point, or on one line; write "
            "landscape.random_plane(a, data), or give three weight vectors"
        )

    lengths = variances.sqrt()
    (origin,) = locations([a], target)
    corners = [Location(mean, origin.buffers)]
    for direction, length in zip(directions, lengths, strict=True):
        corners.append(Location(mean + (length * direction).to(mean), origin.buffers))

    zero = torch.zeros(1, 2, dtype=torch.float64)
    points = torch.cat([zero, lengths.diag().cpu()])
    total = away.square().sum() / len(away)
    share = float(variances.sum() / total)

    return Principal(Span(corners), points, (away @ directions.T).cpu(), share)


def _directions(away: Tensor) -> tuple[Tensor, Tensor]:
    """Return the two largest variances (2,) of draws about their mean, and directions (2, P).

    Arguments:
        away: Draws minus their mean, (S, P).
    """
    products = away @ away.T / len(away)  # (S, S); P is far larger
    values, vectors = torch.linalg.eigh(products)
    values = values.flip(0)[:2].clamp_min(0)
    vectors = vectors.flip(1)[:, :2].T  # (2, S)

    farthest = vectors.gather(1, vectors.abs().argmax(1, keepdim=True))
    directions = (vectors * farthest.sign()) @ away
    lengths = directions.norm(dim=1, keepdim=True)

    return values, directions / lengths.clamp_min(torch.finfo(away.dtype).tiny)
