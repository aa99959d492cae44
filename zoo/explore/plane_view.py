"""The second view: two classes in the plane, and the uncertainty around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyro
import torch
from torch import Tensor
from tqdm.std import tqdm

from zoo.diagnostics.card import Fidelity
from zoo.diagnostics.fidelity import fidelity
from zoo.explore.fit_series import FitSeries
from zoo.explore.packed import packed, scale_for
from zoo.explore.scored import floors, scored
from zoo.posterior.posterior import Posterior
from zoo.references import Reference

SCORES = ("agreement", "total_variation", "epistemic_away", "log_likelihood_gap")
_LARGEST = 0.6931472  # ln 2, the entropy of two equal classes in nats
_NUM_SAMPLES = 100


def plane_view(
    truth: Reference,
    methods: Sequence[FitSeries],
    size: int = 36,
    seed: int = 0,
    progress: tqdm | None = None,
) -> dict[str, Any]:
    """Fit every method, and return entropy and mutual information on a grid.

    The scores are those of `zoo.fidelity` at the inputs of the reference. The picture of
    the truth is that of its few stored weights.

    References:
        What Are Bayesian Neural Network Posteriors Really Like? (Izmailov, Vikram,
        Hoffman, Wilson, 2021)

    Arguments:
        truth: The reference, of two inputs and two classes.
        methods: The methods.
        size: Number of points on a side of the grid, over the range of the inputs.
        seed: Seed of every fit.
        progress: A bar with a step for each fit and its score.
    """
    low = truth.inputs.min(0).values
    high = truth.inputs.max(0).values
    grid = _grid(low, high, size)
    scale = scale_for(_LARGEST)

    card = None
    of_methods = []
    for method in methods:
        pyro.set_rng_seed(seed)
        stops = []
        for posterior in method.fit(truth.model, truth.data.train, method.lengths):
            with torch.random.fork_rng():
                pyro.set_rng_seed(seed)
                card = fidelity(posterior, truth)
                stops.append(_stop(card, posterior, grid, scale))
            if progress is not None:
                progress.update()
        of_methods.append(stops)

    assert card is not None  # there is a method
    x, y = truth.data.train
    weights = truth.weight_posterior
    return {
        "low": low.tolist(),
        "high": high.tolist(),
        "size": size,
        "scale": scale,
        "train": {"x": _rounded(x), "y": y.tolist()},
        "scores": list(SCORES),
        "floor": floors(card, SCORES),
        "truth": _maps(weights, grid, scale) | {"draws": weights.num_samples},
        "methods": [method.as_dict() for method in methods],
        "fits": of_methods,
    }


def _stop(
    card: Fidelity, posterior: Posterior, grid: Tensor, scale: float
) -> dict[str, Any]:
    """Return the pictures and the scores of a fit."""
    return _maps(posterior, grid, scale) | scored(card, SCORES)


def _maps(posterior: Posterior, grid: Tensor, scale: float) -> dict[str, Any]:
    """Return entropy and mutual information of class and draw on a grid, in nats."""
    number = posterior.num_available(_NUM_SAMPLES)
    prediction = posterior.predict(grid, number, progress=False)

    return {
        "entropy": packed(torch.special.entr(prediction.probs).sum(-1), scale),
        "information": packed(prediction.epistemic, scale),
    }


def _grid(low: Tensor, high: Tensor, size: int) -> Tensor:
    """Return the points of a grid row by row from the top left, (size^2, 2)."""
    columns = torch.linspace(float(low[0]), float(high[0]), size)
    rows = torch.linspace(float(high[1]), float(low[1]), size)
    y, x = torch.meshgrid(rows, columns, indexing="ij")

    return torch.stack([x.flatten(), y.flatten()], -1)


def _rounded(x: Tensor) -> list[list[float]]:
    """Return points with three digits behind the point."""
    return [[round(value, 3) for value in point] for point in x.tolist()]
