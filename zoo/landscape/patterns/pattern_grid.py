"""The loss and the error at all cells of a picture on a plane of weights."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo.landscape.patterns.frame import Frame, steps_of
from zoo.landscape.points.location import Location
from zoo.landscape.points.target import Target, error_of
from zoo.likelihoods.observed import Observed
from zoo.predictive.evaluate import evaluate_draws
from zoo.predictive.prediction import Prediction
from zoo.runtime.rows import Rows, first, num_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_AT_ONCE = 16  # cells


@dataclass(frozen=True, eq=False, repr=False)
class Pattern:
    """A plane of weights, and the loss at the cells of the picture that it is to show.

    Arguments:
        mask: The picture, 1 where the loss is to be low, (H, W).
        values: Negative log posterior, the sum of the next two, in nats per datum, (H, W).
        prior: Minus the log density of the prior, in nats per datum, (H, W).
        loss: Training loss in nats per datum, (H, W).
        error: Share of wrong classes or root mean squared error on training data, (H, W).
        test_loss: Loss on test data, (H, W); None without.
        test_error: Share of wrong classes or root mean squared error on test data, (H, W);
            None without.
        frame: The plane.
        losses: The objective of each step of the fit, (K,).
        target: The negative log posterior.

    Example:
        >>> found = landscape.pattern(torch.eye(2), posterior.model, data, num_epochs=1,
        ...                           progress=False)
        >>> found.weights(row=0, column=1)["layer1.weight"].shape
        torch.Size([10, 6])
    """

    mask: Tensor
    values: Tensor
    prior: Tensor
    loss: Tensor
    error: Tensor
    test_loss: Tensor | None
    test_error: Tensor | None
    frame: Frame
    losses: Tensor
    target: Target

    @property
    def origin(self) -> dict[str, Tensor]:
        """The weights in the middle of the picture, by name."""
        values, _ = self.target.potential.unpack(self.frame.origin)

        return values

    @property
    def up(self) -> Tensor:
        """The direction of the rows, orthogonal to the other one and of its length, (P,)."""
        return self.frame.up

    @property
    def right(self) -> Tensor:
        """The direction of the columns, (P,)."""
        return self.frame.right

    @property
    def scale(self) -> float:
        """The distance of neighbouring cells in lengths of the directions."""
        return float(self.frame.scale)

    @property
    def rank_correlation(self) -> float:
        r"""How well the order of the training losses agrees with the mask: Somers' D.

        .. math:: D = P(\text{right order}) - P(\text{wrong order})

        over pairs of cells whose values in the mask differ: 1 if every darker cell of the
        picture has the lower loss, 0 for no relation.

        References:
            A New Asymmetric Measure of Association for Ordinal Variables (Somers, 1962)
        """
        return rank_correlation(self.mask, self.loss)

    def weights(self, row: int, column: int) -> dict[str, Tensor]:
        """Return the weights of a cell by name; row 0 is at the top."""
        number = row * self.mask.shape[1] + column
        steps = steps_of(tuple(self.mask.shape)).to(self.frame.origin)
        values, _ = self.target.potential.unpack(self.frame.at(steps[[number]])[0])

        return values

    def plot(self, *, figure: Figure | None = None) -> Figure:
        """Draw the mask, the training loss over its whole range, and the error.

        Arguments:
            figure: An empty figure to draw on; by default a new one.
        """
        from zoo import plots

        error = self.error if self.test_error is None else self.test_error
        part = "training" if self.test_error is None else "test"
        has_classes = self.target.model.likelihood.discrete
        unit = "share of wrong classes" if has_classes else "RMSE"
        grids = {
            "training loss, nats per datum": self.loss,
            f"{part} error, {unit}": error,
        }

        return plots.pattern(self.mask, grids, figure=figure)

    def __repr__(self) -> str:
        size = "x".join(map(str, self.mask.shape))
        is_low = self.mask >= 0.5
        low, high = self.loss[is_low].mean(), self.loss[~is_low].mean()

        return (
            f"Pattern({size}, training loss {low:.4g} where it is to be low and {high:.4g} "
            f"elsewhere, rank correlation {self.rank_correlation:.3f})"
        )


def rank_correlation(mask: Tensor, loss: Tensor) -> float:
    """Return Somers' D of minus the loss given the mask, both of one shape."""
    grey, low = mask.flatten().double(), -loss.flatten().double()
    order = (grey[:, None] - grey).sign()
    found = (low[:, None] - low).sign()

    return float((order * found).sum() / order.abs().sum())


def grid_of(
    target: Target,
    frame: Frame,
    mask: Tensor,
    num_evaluated: int | None,
    losses: Tensor,
) -> Pattern:
    """Return the grid of a frame, evaluated at some of the data.

    Arguments:
        target: The negative log posterior.
        frame: The plane.
        mask: The picture, (H, W).
        num_evaluated: Number of training data and of test data; None takes all.
        losses: The objective of each step of the fit, (K,).
    """
    q = frame.at(steps_of(tuple(mask.shape)).to(frame.origin))
    data = {"": (target.x, target.y)}
    if target.test is not None:
        data["test_"] = target.test

    columns: dict[str, list[Tensor]] = defaultdict(list)
    for part in q.split(_AT_ONCE):
        draws = target.draws(Location(part, {}))
        columns["prior"].append(target.negative_log_prior(part) / target.num_data)
        for name, (x, y) in data.items():
            rows = first(x, num_evaluated), first(y, num_evaluated)
            loss, error = _scores(target, draws, *rows)
            columns[f"{name}loss"].append(loss)
            columns[f"{name}error"].append(error)

    grids = {}
    for name, parts in columns.items():
        grids[name] = torch.cat(parts).reshape(mask.shape).cpu()

    return Pattern(
        mask=mask.cpu(),
        values=grids["prior"] + grids["loss"],
        prior=grids["prior"],
        loss=grids["loss"],
        error=grids["error"],
        test_loss=grids.get("test_loss"),
        test_error=grids.get("test_error"),
        frame=frame,
        losses=losses,
        target=target,
    )


def _scores(
    target: Target, draws: Mapping[str, Tensor], x: Rows, y: Tensor | Observed
) -> tuple[Tensor, Tensor]:
    """Return the loss in nats per datum and the error of each draw, (S,) both."""
    outputs = evaluate_draws(target.model, draws, target.state, x)
    observed = Observed.of(y)
    likelihood = target.model.likelihood
    prediction = Prediction(likelihood, outputs, draws, given=observed.given)

    loss = -prediction.pointwise(observed.y).flatten(1).sum(-1) / num_rows(x)
    errors = []
    for values in prediction.functions:
        errors.append(error_of(values, observed.y, prediction.has_classes))

    return loss, torch.stack(errors)
