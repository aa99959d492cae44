"""Curves of low negative log posterior between two fits."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from zoo.data import Batches, Data, batches
from zoo.inference.schedules import cosine
from zoo.landscape.curve import Curve, curve_weights
from zoo.landscape.ends import End, locations, model_of
from zoo.landscape.line import Line
from zoo.landscape.location import Location, Span
from zoo.landscape.target import BatchNorm, Target, potential_of
from zoo.posterior.batch_norm import normalised_by_batch
from zoo.runtime.counts import check_count
from zoo.runtime.progress import bar
from zoo.runtime.rows import Structure, first, flatten
from zoo.runtime.subnormals import flush_subnormals
from zoo.runtime.threads import one_if_small
from zoo.tracing.traced import Traced

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
    _check(kind, num_epochs, num_bends, num_points, lr)
    target = Target(model_of([a, b]), data, test, batch_norm)
    ends = locations([a, b], target)
    found = batches(target.model, data, batch_size)

    start = torch.linspace(0, 1, num_bends + 2)[1:-1].to(ends[0].q)
    chord = Span(ends).at(torch.stack([1 - start, start], -1))
    bends, losses = _fitted(
        target, kind, ends, chord.q, found, num_epochs, lr, progress
    )

    control = [ends[0]]
    for number, q in enumerate(bends):
        control.append(Location(q, chord[number].buffers))

    control.append(ends[1])

    return _curve(target, kind, Span(control), losses, num_points)


def _fitted(
    target: Target,
    kind: Kind,
    ends: list[Location],
    bends: Tensor,
    data: Batches,
    num_epochs: int,
    lr: float,
    progress: bool,
) -> tuple[Tensor, Tensor]:
    """Return the bends (K, P) that minimise the mean along the curve, and the losses."""
    bends = bends.clone().requires_grad_()
    optimizer = torch.optim.Adam([bends], lr=lr)
    num_steps = num_epochs * data.per_pass
    scheduler = cosine()(optimizer, num_steps)
    step = _Step(target, kind, ends, data.num_data, num_steps)

    losses = []
    with (
        one_if_small(target.model.network, first(target.x, data.size)),
        flush_subnormals(),
        bar(num_steps, "connecting", progress) as shown,
    ):
        for _ in range(num_epochs):
            for x, y in data.epoch():
                loss, bends.grad = step(bends.detach(), *flatten((x, y)))
                optimizer.step()
                scheduler.step()

                losses.append(loss)
                shown.update()

    return bends.detach(), torch.stack(losses)


class _Step:
    """The loss of a batch at random positions of the curve, and its gradient by the bends.

    Arguments:
        target: The negative log posterior.
        kind: The kind of the curve.
        ends: Its ends.
        num_data: Number of data N.
        calls: Number of steps to come.
    """

    def __init__(
        self,
        target: Target,
        kind: Kind,
        ends: list[Location],
        num_data: int,
        calls: int,
    ) -> None:
        model = normalised_by_batch(target.model)
        self.potential = potential_of(model, target.x, target.y)
        self.kind = kind
        self.first, self.last = (end.q for end in ends)
        self.num_data = num_data
        self.structure: Structure | None = None
        self.program = Traced(self._gradient, calls=calls, compile="traced")

    def __call__(
        self, bends: Tensor, tensors: list[Tensor], structure: Structure
    ) -> tuple[Tensor, Tensor]:
        """Return the loss () in nats per datum and the gradient (K, P) at the bends."""
        self.structure = structure
        quarter = torch.arange(_AT_ONCE, device=bends.device)
        t = (quarter + torch.rand_like(quarter, dtype=bends.dtype)) / _AT_ONCE
        weights = curve_weights(self.kind, t, len(bends))

        with self.potential.program.running():
            loss, gradient = self.program(bends, weights, *tensors)

        return loss.clone(), gradient.clone()

    def _gradient(
        self, bends: Tensor, weights: Tensor, *tensors: Tensor
    ) -> tuple[Tensor, Tensor]:
        assert self.structure is not None
        x, y = self.structure.build(list(tensors))
        control = torch.cat([self.first[None], bends, self.last[None]])
        q = weights @ control

        gradients, energies = self.potential.on(x, y, self.num_data).gradient(q)
        of_bends = weights[:, 1:-1].T @ gradients / len(q)

        return energies.mean() / self.num_data, of_bends / self.num_data


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


def _check(
    kind: str, num_epochs: int, num_bends: int, num_points: int, lr: float
) -> None:
    """Refuse arguments out of range."""
    kinds = get_args(Kind)
    if kind not in kinds:
        raise ValueError(f"kind must be one of {kinds}, not {kind!r}")

    check_count("num_epochs", num_epochs)
    check_count("num_bends", num_bends)
    check_count("num_points", num_points, minimum=2)
    if not lr > 0:
        raise ValueError(
            f"lr must be a positive learning rate, not {lr}; write lr=0.02"
        )
