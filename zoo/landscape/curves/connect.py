"""Curves of low negative log posterior between two fits."""

from __future__ import annotations

from functools import partial
from typing import Literal, get_args

import torch
from torch import Tensor

from zoo.data import Data, batches
from zoo.landscape.curves.curve import Curve, curve_weights
from zoo.landscape.curves.mean_fit import MeanFit
from zoo.landscape.points.ends import End, locations, model_of
from zoo.landscape.points.location import Location, Span
from zoo.landscape.points.target import BatchNorm, Target
from zoo.landscape.surfaces.line import Line
from zoo.runtime.counts import check_count

Kind = Literal["bezier", "polychain"]
_AT_ONCE = 4  # positions t of a step, one in each quarter


def connect(
    a: End,
    b: End,
    data: Data,
    kind: Kind = "bezier",
    *,
    num_epochs: int = 60,
    batch_size: int | None = 128,
    lr: float = 0.02,
    num_bends: int = 1,
    num_points: int = 61,
    test: Data | None = None,
    batch_norm: BatchNorm = "recompute",
    progress: bool = True,
) -> Curve:
    r"""Find a curve between two weight vectors along which the log posterior stays high.

    .. math:: \min_\theta E_{t \sim U(0, 1)} \Big[ -\tfrac1N \log p(\phi_\theta(t))
        - \tfrac1N \log p(y \mid \phi_\theta(t)) \Big]

    The ends are fixed. Prior and likelihood are those at the points of the curve, not at the
    bends. Each step has a batch of data and four positions t, one in each quarter. Adam's
    learning rate falls to 0 as half a cosine. While the bends are fitted, batch normalisation
    uses the statistics of the batch.

    References:
        Loss Surfaces, Mode Connectivity, and Fast Ensembling of DNNs (Garipov, Izmailov,
            Podoprikhin, Vetrov, Wilson, 2018)

    Arguments:
        a: The end at t = 0: a posterior, which stands for its mean, or weights by name.
        b: The end at t = 1, e.g. after `landscape.align(a, b)`.
        data: The data that were fitted, in any form; of a data set with a test part, the
            test error along the curve is evaluated too.
        kind: "bezier" for a Bezier curve, "polychain" for straight lines between the bends.
        num_epochs: Passes through the data.
        batch_size: Size of a batch; None takes all data at once.
        lr: Learning rate of Adam.
        num_bends: Number of control points between the ends.
        num_points: Number of points at which the curve is evaluated, its draws.
        test: Test data, for the test error.
        batch_norm: "recompute" takes statistics of batch normalisation anew from the data at
            every point; "carry" moves those of the ends along, though a bend has none.
        progress: Whether to show a progress bar.

    Raises:
        ValueError: Another kind, ends of different models, or point estimates.

    Example:
        >>> other = {name: value + 0.1 for name, value in posterior.means().items()}
        >>> curve = landscape.connect(posterior, other, data, num_epochs=2, num_points=5,
        ...                           progress=False)
        >>> curve.profile.values.shape, curve.predict(data.test.x).mean.shape
        (torch.Size([5]), torch.Size([31, 1]))
    """
    _check(kind, num_bends, num_points)
    target = Target(model_of([a, b]), data, test, batch_norm)
    ends = locations([a, b], target)
    found = batches(target.model, data, batch_size)
    fit = MeanFit(target, found, num_epochs, lr, "connecting" if progress else "")

    start = torch.linspace(0, 1, num_bends + 2)[1:-1].to(ends[0].q)
    chord = Span(ends).at(torch.stack([1 - start, start], -1))
    fixed = torch.stack([end.q for end in ends])
    bends, losses = fit.run(fixed, chord.q, partial(_weights, kind, chord.q))

    control = [ends[0]]
    for number, q in enumerate(bends):
        control.append(Location(q, chord[number].buffers))

    control.append(ends[1])

    return _curve(target, kind, Span(control), losses, num_points)


def _weights(kind: Kind, bends: Tensor) -> Tensor:
    """Return the weights (S, 2 + K) of the ends and bends at random positions."""
    quarter = torch.arange(_AT_ONCE, device=bends.device)
    t = (quarter + torch.rand_like(quarter, dtype=bends.dtype)) / _AT_ONCE
    weights = curve_weights(kind, t, len(bends))

    return torch.cat([weights[:, :1], weights[:, -1:], weights[:, 1:-1]], 1)


def _curve(
    target: Target, kind: Kind, span: Span, losses: Tensor, num_points: int
) -> Curve:
    """Return the curve, evaluated at evenly spaced positions."""
    t = torch.linspace(0, 1, num_points).to(span.corners[0].q)
    at = span.at(curve_weights(kind, t, len(span.corners) - 2))
    profile = Line.of(t, target.terms(at), target.batch_norm)

    draws = {name: value[None] for name, value in target.draws(at).items()}
    bends = []
    for corner in span.corners[1:-1]:
        values, _ = target.potential.unpack(corner.q)
        bends.append(values)

    return Curve(
        target.model,
        draws=draws,
        state=target.state,
        kind=kind,
        profile=profile,
        bends=bends,
        losses=losses.cpu(),
    )


def _check(kind: str, num_bends: int, num_points: int) -> None:
    """Refuse arguments out of range."""
    kinds = get_args(Kind)
    if kind not in kinds:
        raise ValueError(f"kind must be one of {kinds}, not {kind!r}")

    check_count("num_bends", num_bends)
    check_count("num_points", num_points, minimum=2)
