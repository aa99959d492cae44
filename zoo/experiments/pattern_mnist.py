"""pattern-mnist: a plane of LeNet's weights on which the loss of digits shows an elephant."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from zoo import datasets, landscape, likelihoods, networks, priors
from zoo.datasets import Dataset
from zoo.experiments.running.run import Experiment, Run
from zoo.experiments.running.scores import Number
from zoo.landscape.patterns.pattern_grid import rank_correlation
from zoo.model import BayesianNetwork
from zoo.posterior.draws_posterior import DrawsPosterior

_ELEPHANT = """
    ................
    ....######......
    ..##########....
    .############...
    .##############.
    ###############.
    ###.###########.
    ################
    ################
    ####.#########.#
    ###..########..#
    ##...########..#
    ##...##....##..#
    .#...##....##...
    .##..##....##...
    ................
"""
_EPOCHS, _MINUTES = 2, 8  # of the default budget
_PUBLISHED_EPOCHS = 100
_NUM_SAMPLES = 2000  # training images, and test images, at which cells are evaluated
_RESAMPLED = 200


def _run(run: Run) -> None:
    """Find the plane, state accuracies by cell and the agreement with the mask, and draw it."""
    data = run.dataset(datasets.mnist)
    mask = _mask()
    make = partial(_compute, run, data, mask)
    found = run.keep("plane", make, mask=mask, epochs=_epochs(run))

    for name in ("best", "worst"):
        predict = partial(_posterior(found[name]).predict, data.test.x, 1)
        run.scores.add(f"{name} cell", predict, data.test.y)

    _state_accuracies(run, mask, found)
    _state_agreement(run, mask, found)
    _draw(run, mask, found)

    note = run.report.note
    note(
        "The mask is an elephant of 16x16 cells, dark where the loss is to be low. Nothing is "
        "published in numbers: the paper and its code show pictures."
    )
    note(
        f"Cells are evaluated on the first {_NUM_SAMPLES:,} training images and as many test "
        "images. Errors are over cells, which are resampled for the rank correlation: Somers' D, "
        "1 if every cell that is to be low has a lower loss than all that are to be high."
    )
    note(
        "A round basin is the distance from the centre of the low cells in place of the loss: "
        "what one bowl in the middle would reach. Its rank correlation is the one to beat."
    )
    note("The colours of the loss are logarithmic and have its whole range.")


def _mask() -> Tensor:
    """Return the elephant, (16, 16)."""
    rows = [[cell == "#" for cell in row] for row in _ELEPHANT.split()]

    return torch.tensor(rows)


def _model() -> BayesianNetwork:
    """Return a model with a new network."""
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))

    return BayesianNetwork(networks.LeNet5(10), prior, likelihoods.Categorical())


def _epochs(run: Run) -> int:
    """Return the number of passes that the budget allows."""
    if run.full:
        return _PUBLISHED_EPOCHS

    return max(1, round(_EPOCHS * run.minutes / _MINUTES))


def _compute(run: Run, data: Dataset, mask: Tensor) -> dict[str, Any]:
    """Return the grids of a plane, and the weights of its best and its worst cell."""
    pyro.set_rng_seed(run.seed)
    found = landscape.pattern(
        mask,
        _model(),
        data,
        num_epochs=_epochs(run),
        num_evaluated=_NUM_SAMPLES,
        progress=run.progress,
    )

    columns = mask.shape[1]
    best, worst = int(found.loss.argmin()), int(found.loss.argmax())

    return {
        "loss": found.loss,
        "error": found.error,
        "test loss": found.test_loss,
        "test error": found.test_error,
        "scale": found.scale,
        "length": float(found.right.norm()),
        "angle": float(found.up @ found.right),
        "losses": found.losses,
        "best": found.weights(*divmod(best, columns)),
        "worst": found.weights(*divmod(worst, columns)),
    }


def _posterior(weights: Mapping[str, Tensor]) -> DrawsPosterior:
    """Return the weights of a cell as a posterior of one draw."""
    draws = {name: value[None, None] for name, value in weights.items()}

    return DrawsPosterior(_model(), draws=draws, state={}, info=None)


def _state_accuracies(run: Run, mask: Tensor, found: Mapping[str, Any]) -> None:
    """State accuracies and losses of cells that are to be low and of the others."""
    find = run.report.find
    for part, key in (("training", "error"), ("test", "test error")):
        accuracy = 100 * (1 - found[key])
        for name, side in (("low", mask), ("high", ~mask)):
            what = f"{part} accuracy, cells of {name} loss, %"
            find(what, Number.mean(accuracy[side]), headline=part == "test")

        find(f"{part} accuracy, lowest of a cell of low loss, %", accuracy[mask].min())
        find(
            f"{part} accuracy, highest of a cell of high loss, %", accuracy[~mask].max()
        )
        right = (accuracy > 50) == mask
        what = f"cells on the right side of {part} accuracy 50 %, %"
        find(what, Number.mean(100.0 * right.flatten()), headline=part == "test")

    for name, side in (("low", mask), ("high", ~mask)):
        find(
            f"training loss, cells of {name} loss, nats",
            Number.mean(found["loss"][side]),
        )


def _state_agreement(run: Run, mask: Tensor, found: Mapping[str, Any]) -> None:
    """State the rank correlation of the loss and of a round basin with the mask."""
    rows, columns = torch.meshgrid(
        *(torch.arange(float(number)) for number in mask.shape), indexing="ij"
    )
    away = (rows - rows[mask].mean()) ** 2 + (columns - columns[mask].mean()) ** 2
    grids = {
        "training loss": found["loss"],
        "test loss": found["test loss"],
        "a round basin": away,
    }

    for name, loss in grids.items():
        values = []
        for _ in range(_RESAMPLED):
            cells = torch.randint(mask.numel(), (mask.numel(),))
            values.append(
                rank_correlation(mask.flatten()[cells], loss.flatten()[cells])
            )

        number = Number(rank_correlation(mask, loss), float(np.std(values)))
        run.report.find(
            f"rank correlation with the mask, {name}", number, headline=True
        )

    seconds = run.result.kept["plane"]
    run.report.find("minutes of the processor", seconds / 60, headline=True)
    run.report.find(
        "cosine of the two directions", found["angle"] / found["length"] ** 2
    )


def _draw(run: Run, mask: Tensor, found: Mapping[str, Any]) -> None:
    """Draw the mask, the training loss and the test accuracy of every cell."""
    from zoo.plots.pattern import cells

    with run.report.panels(columns=3, title="LeNet-5 on MNIST: a plane") as axes:
        cells(axes[0, 0], 1.0 - mask.float().numpy(), "mask", colors=False)
        cells(axes[0, 1], found["loss"].numpy(), "training loss, nats")
        cells(axes[0, 2], 100 * (1 - found["test error"]).numpy(), "test accuracy, %")


pattern_mnist = Experiment(
    name="pattern-mnist",
    question="is there a plane of LeNet's weights on which the loss of digits shows an elephant?",
    reference="Loss Landscape Sightseeing with Multi-Point Optimization (Skorokhodov, Burtsev, "
    "2019)",
    minutes=_MINUTES,
    run=_run,
)
