"""Trajectories of weights, projected onto a plane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.landscape.points.ends import locations
from zoo.landscape.surfaces.surface import Plane
from zoo.posterior.posterior import Posterior

Trajectory = Posterior | Sequence[Mapping[str, Tensor]]
"""Stored draws in the order of their chain, a guide, or a sequence of weights by name."""

_NUM_DRAWS = 60  # from a guide


@dataclass(frozen=True, eq=False)
class Projection:
    """A trajectory as its nearest points on a plane.

    Arguments:
        coordinates: Coordinates on the plane, (T, 2).
        error: Distance of each point from the plane, (T,).
        share: The same as a share of the distance from the first point of the plane, (T,): 1
            for a trajectory of which the plane shows nothing.
    """

    coordinates: Tensor
    error: Tensor
    share: Tensor


def project(plane: Plane, trajectory: Trajectory) -> Projection:
    r"""Project weights onto a plane, and return how far they are from it.

    .. math:: (u, v) = \big( e_1^T (z - z_a), \, e_2^T (z - z_a) \big), \quad
        \text{error} = \lVert z - z_a - u e_1 - v e_2 \rVert

    In many dimensions most of a trajectory is off any plane. A picture of it without this error
    shows a walk that did not happen there.

    References:
        Visualizing the Loss Landscape of Neural Nets (Li, Xu, Taylor, Studer, Goldstein,
            2018), section 7

    Arguments:
        plane: The plane.
        trajectory: A posterior with stored draws, in their order, chains one after the other; a
            posterior with a guide, from which 60 draws are taken, in no order; or a sequence
            of weights by name.

    Example:
        >>> draws = posterior.sample(3)
        >>> a, b, c = [{name: draws[name][s] for name in draws} for s in range(3)]
        >>> plane = landscape.plane(posterior, a, b, data=data, shape=(2, 2))
        >>> [f"{share:.2f}" for share in landscape.project(plane, [a, b, c]).share][:2]
        ['0.00', '0.00']
    """
    q = _packed(plane, trajectory).double().cpu()
    origin, right, up = (corner.q.double().cpu() for corner in plane.span.corners)
    sides = torch.stack([right - origin, up - origin])  # (2, P)

    away = q - origin
    amounts = torch.linalg.lstsq(sides.T, away.T).solution.T  # (T, 2)
    error = (away - amounts @ sides).norm(dim=-1)
    points = plane.points.cpu()
    coordinates = points[0] + amounts @ (points[1:] - points[0])
    distance = away.norm(dim=-1).clamp_min(torch.finfo(away.dtype).tiny)

    return Projection(coordinates, error, error / distance)


def _packed(plane: Plane, trajectory: Trajectory) -> Tensor:
    """Return the weights of a trajectory, (T, P)."""
    target = plane.target
    if not isinstance(trajectory, Posterior):
        return torch.stack([end.q for end in locations(trajectory, target)])

    draws = trajectory.draws
    if draws is None:
        drawn = trajectory.sample(_NUM_DRAWS)
        return target.potential.pack({n: drawn[n] for n in target.model.latents})

    sites = {name: draws[name].flatten(0, 1) for name in target.model.latents}

    return target.potential.pack(sites)
