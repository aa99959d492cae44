"""Decisions where an animal must not be taken for a vehicle: what they cost on CIFAR-10."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo.experiments.running.run import Run
from zoo.experiments.running.scores import Number
from zoo.predictive.prediction import Prediction

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_VEHICLES = (0, 1, 8, 9)  # aeroplane, car, ship, lorry
_SEVERE = 10.0  # errors that an animal taken for a vehicle costs


def state_severe(
    run: Run, y: Tensor, found: Mapping[str, Prediction]
) -> dict[str, dict[str, Number]]:
    """State what decisions cost by the likeliest class, and by the least expected loss.

    Arguments:
        run: The run.
        y: Labels, (N,).
        found: Predictions by name.

    Returns:
        The mean costs of both rules, by the name of the prediction.
    """
    loss = _severe_loss()
    costs: dict[str, dict[str, Number]] = {}
    for name, prediction in found.items():
        likeliest = loss[prediction.probs.argmax(-1), y]
        decision = prediction.decide(loss)
        decided = loss[decision.chosen, y]
        costs[name] = {
            "likeliest class": Number.mean(likeliest),
            "expected loss": Number.mean(decided),
        }
        what = f"cost of an answer if animals matter, {name}"
        run.report.find(f"{what}, likeliest class", Number.mean(likeliest))
        run.report.find(f"{what}, least expected loss", Number.mean(decided))
        run.report.find(f"{what}, difference", Number.mean(decided - likeliest))
        surprise = decided - decision.expected_loss
        run.report.find(f"{what}, minus what is expected", Number.mean(surprise))

    return costs


def draw_severe(ax: Axes, costs: Mapping[str, Mapping[str, Number]]) -> None:
    """Draw the cost of both rules, a row for each prediction.

    Arguments:
        ax: Axis to draw on.
        costs: Mean costs of both rules, by the name of the prediction.
    """
    from zoo.plots.canvas import COLORS

    rules = (("likeliest class", "grey", "s"), ("expected loss", COLORS[0], "o"))
    for rule, color, marker in rules:
        for index, (name, found) in enumerate(costs.items()):
            number = found[rule]
            ax.errorbar(
                number.value,
                name,
                xerr=number.two_errors,
                fmt=marker,
                color=color,
                label=rule if index == 0 else None,
            )

    ax.set_xlabel("cost of an answer, errors")
    ax.set_title(f"animal taken for a vehicle: {_SEVERE:g} errors", fontsize="small")
    ax.legend(frameon=False, fontsize="small")


def _severe_loss() -> Tensor:
    """Return the loss 1 of every error, and more of an animal that is taken for a vehicle."""
    loss = 1 - torch.eye(10)
    is_vehicle = torch.zeros(10, dtype=torch.bool)
    is_vehicle[list(_VEHICLES)] = True
    taken_for_one = is_vehicle.unsqueeze(1) & ~is_vehicle

    return loss.masked_fill(taken_for_one, _SEVERE)
