"""Simplexes of low negative log posterior that contain one fit or connect several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from zoo.data import Data, batches
from zoo.landscape.curves.mean_fit import MeanFit
from zoo.landscape.curves.simplicial_complex import Inside, SimplicialComplex
from zoo.landscape.curves.volume import uniform_weights, volume
from zoo.landscape.points.ends import End, locations, model_of
from zoo.landscape.points.location import Location, Span
from zoo.landscape.points.target import BatchNorm, Target
from zoo.posterior.posterior import Posterior
from zoo.runtime.counts import check_count

_AT_ONCE = 5  # points of a step
_LEAST_VOLUME = 1e-4
_SPREAD = 0.1  # of a new vertex around the centroid, as a share of each weight


def simplex(
    fits: End | Sequence[End],
    data: Data,
    num_vertices: int = 3,
    *,
    volume_weight: float = 0.01,
    num_epochs: int = 25,
    batch_size: int | None = 128,
    lr: float = 0.02,
    num_points: int = 61,
    test: Data | None = None,
    batch_norm: BatchNorm = "recompute",
    progress: bool = True,
) -> SimplicialComplex:
    r"""Find simplexes of weights, inside of which the log posterior stays high.

    .. math:: \min_{\theta_j} E_{z \sim U(K)} \Big[ -\tfrac1N \log p(z)
        - \tfrac1N \log p(y \mid z) \Big] - \lambda \log (V(K) + 10^{-4})

    Further vertices are found one after the other, and the earlier ones stay. Each fit and
    all found vertices span a simplex of volume V. Of one fit there is one simplex around it;
    several share all found vertices, which connect them. A vertex begins near the centroid of
    the others. Each step has a batch of data and five points, in equal numbers in each simplex,
    whose weights are uniform: normalised exponentials. While vertices are fitted, batch
    normalisation uses the statistics of the batch.

    The posterior's draws are uniform points of all simplexes together. They are not draws of
    the posterior: the volume depends on λ, on the prior and on the number of epochs.

    References:
        Loss Surface Simplexes for Mode Connecting Volumes and Fast Ensembling (Benton, Maddox,
            Lotfi, Wilson, 2021)

    Arguments:
        fits: One or more posteriors, which stand for their means, or weights by name; at least
            one is a posterior.
        data: The data that were fitted, in any form; of a data set with a test part, the
            test error inside is evaluated too.
        num_vertices: Number of further vertices, the dimension of each simplex.
        volume_weight: Weight λ of the volume in nats per datum: what it may cost to move a
            vertex e times as far away.
        num_epochs: Passes through the data for each vertex.
        batch_size: Size of a batch; None takes all data at once.
        lr: Learning rate of Adam, which falls to 0 as half a cosine.
        num_points: Number of uniform points at which the complex is evaluated, its draws.
        test: Test data, for the test error.
        batch_norm: "recompute" takes statistics of batch normalisation anew from the data at
            every point; "carry" moves those of the fits along.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: No fit, fits of different models, point estimates, or a number out of range.

    Example:
        >>> around = landscape.simplex(posterior, data, num_vertices=2, num_epochs=2,
        ...                            num_points=5, progress=False)
        >>> around
        Posterior over 81 parameters at 4 sites: 1 simplex of dimension 2, 5 points
        >>> around.volume > 0, around.profile.values.shape
        (True, torch.Size([5]))
    """
    check_count("num_vertices", num_vertices)
    check_count("num_points", num_points)
    if not volume_weight >= 0:
        raise ValueError(
            f"volume_weight must be at least 0 nats per datum, not {volume_weight}; write "
            "volume_weight=0.01"
        )

    ends = [fits] if isinstance(fits, Posterior | Mapping) else list(fits)
    target = Target(model_of(ends), data, test, batch_norm)
    vertices = locations(ends, target)
    found = batches(target.model, data, batch_size)
    fit = MeanFit(target, found, num_epochs, lr, "spanning" if progress else "")

    losses = []
    for _ in range(num_vertices):
        vertex, of_vertex = _next_vertex(fit, vertices, len(ends), volume_weight)
        vertices.append(vertex)
        losses.append(of_vertex)

    return _complex(target, vertices, len(ends), num_points, torch.stack(losses))


def _next_vertex(
    fit: MeanFit, vertices: Sequence[Location], num_fits: int, volume_weight: float
) -> tuple[Location, Tensor]:
    """Return one more vertex, and the losses of its fit."""
    number = len(vertices)
    centroid = Span(vertices).at(torch.full((1, number), 1 / number))
    start = centroid.q * (1 + _SPREAD * torch.randn_like(centroid.q))
    fixed = torch.stack([vertex.q for vertex in vertices])

    def weights() -> Tensor:
        each = torch.arange(_AT_ONCE) % num_fits
        return points_of(each, num_fits, number + 1).to(fixed)

    def penalty(free: Tensor) -> Tensor:
        total = sum_of_volumes(torch.cat([fixed, free]), num_fits)
        return -volume_weight * (total + _LEAST_VOLUME).log().to(free)

    free, losses = fit.run(fixed, start, weights, penalty)

    return Location(free[0], centroid[0].buffers), losses


def points_of(each: Tensor, num_fits: int, size: int) -> Tensor:
    """Return weights (S, K) of the vertices at uniform points, one in the simplex of each fit.

    Arguments:
        each: Numbers of fits, (S,).
        num_fits: Number of fits, the first vertices.
        size: Number of all vertices K.
    """
    own = uniform_weights(len(each), size - num_fits + 1)
    weights = torch.zeros(len(each), size)
    weights[torch.arange(len(each)), each] = own[:, 0]
    weights[:, num_fits:] = own[:, 1:]

    return weights


def volumes(vertices: Tensor, num_fits: int) -> Tensor:
    """Return the volume of the simplex of each fit, (F,), of vertices (K, P)."""
    found = vertices[num_fits:]
    each = [
        volume(torch.cat([vertices[number : number + 1], found]))
        for number in range(num_fits)
    ]

    return torch.stack(each)


def sum_of_volumes(vertices: Tensor, num_fits: int) -> Tensor:
    """Return the volume of a complex, ()."""
    return volumes(vertices, num_fits).sum()


def _complex(
    target: Target,
    vertices: Sequence[Location],
    num_fits: int,
    num_points: int,
    losses: Tensor,
) -> SimplicialComplex:
    """Return the complex, evaluated at its vertices and at uniform points."""
    number = len(vertices)
    sizes = volumes(torch.stack([vertex.q for vertex in vertices]), num_fits)
    each = torch.multinomial(sizes.cpu(), num_points, replacement=True)
    weights = points_of(each, num_fits, number)
    at = Span(vertices).at(torch.cat([torch.eye(number), weights]))

    inside = Inside.of(weights, target.terms(at), target.batch_norm)
    draws = target.draws(at[number:])
    named = [target.potential.unpack(vertex.q)[0] for vertex in vertices]

    return SimplicialComplex(
        target.model,
        draws={name: value[None] for name, value in draws.items()},
        state=target.state,
        vertices=named,
        num_fits=num_fits,
        volume=float(sizes.sum()),
        profile=inside,
        losses=losses.cpu(),
    )
