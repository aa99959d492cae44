"""The first view: functions of one input, next to those of the true posterior."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pyro
import torch
from torch import Tensor
from tqdm.std import tqdm

from zoo.diagnostics.card import Fidelity
from zoo.diagnostics.fidelity import fidelity
from zoo.explore.fit_series import FitSeries
from zoo.explore.packed import packed, scale_for
from zoo.explore.scored import floors, scored
from zoo.explore.truths import worst_r_hat
from zoo.posterior.thinning import evenly
from zoo.references import Reference

SCORES = ("mean_error", "spread_ratio", "wasserstein", "epistemic_away")
NUM_LEVELS = 30  # (i + 0.5) / 30, among them 5 %, 25 %, 75 % and 95 %
NUM_LINES = 10  # draws of a fit that are drawn as lines
NUM_TRUE_LINES = 20
_RANGE = 2.0  # largest value that the page has, in multiples of the truth's


class FunctionDraws(NamedTuple):
    """What is drawn of a posterior.

    Arguments:
        quantiles: Quantiles (Q, N) of the function at each input.
        lines: Some draws (L, N).
    """

    quantiles: Tensor
    lines: Tensor


def functions_view(
    truths: Mapping[str, Reference],
    methods: Sequence[FitSeries],
    seed: int = 0,
    progress: tqdm | None = None,
) -> dict[str, Any]:
    """Fit every method under every prior, and return what the page shows of it.

    The scores are those of `zoo.fidelity`, and the draws are those that it scored.

    References:
        What Are Bayesian Neural Network Posteriors Really Like? (Izmailov, Vikram,
        Hoffman, Wilson, 2021)

    Arguments:
        truths: The true posterior under each prior, by what the page calls the prior. All
            have the same data and the same inputs of one dimension.
        methods: The methods.
        seed: Seed of every fit.
        progress: A bar with a step for each fit and its score.
    """
    first, *_ = truths.values()
    scale = scale_for(_RANGE * _largest_value(truths))

    priors = []
    of_methods: list[list[list[dict[str, Any]]]] = [[] for _ in methods]
    for label, truth in truths.items():
        card = None
        for number, method in enumerate(methods):
            stops = []
            for card in _cards(method, truth, seed):
                stops.append(_fit(card, scale))
                if progress is not None:
                    progress.update()
            of_methods[number].append(stops)

        assert card is not None  # there is a method
        priors.append(_truth(label, truth, card, scale))

    x, y = first.data.train
    return {
        "x": _listed(first.inputs[:, 0]),
        "away": first.away.tolist(),
        "train": {"x": _listed(x[:, 0]), "y": _listed(y[:, 0])},
        "levels": _listed(_levels()),
        "scale": scale,
        "scores": list(SCORES),
        "priors": priors,
        "methods": [method.as_dict() for method in methods],
        "fits": of_methods,
    }


def shown(values: Tensor, num_lines: int) -> FunctionDraws:
    """Return quantiles and some draws of function values (S, N, 1)."""
    values = values[..., 0].double()
    quantiles = torch.quantile(values, _levels(), dim=0)
    lines = values[evenly(len(values), min(num_lines, len(values)))]

    return FunctionDraws(quantiles, lines)


def _cards(method: FitSeries, truth: Reference, seed: int) -> Iterator[Fidelity]:
    """Fit a method at all its lengths, and score each posterior when it is there."""
    pyro.set_rng_seed(seed)
    for posterior in method.fit(truth.model, truth.data.train, method.lengths):
        with torch.random.fork_rng():
            pyro.set_rng_seed(seed)
            card = fidelity(posterior, truth)
        yield card


def _fit(card: Fidelity, scale: float) -> dict[str, Any]:
    """Return the scored draws of a fit, and the scores."""
    return _drawn(shown(card.ours.values, NUM_LINES), scale) | scored(card, SCORES)


def _truth(
    label: str, truth: Reference, card: Fidelity, scale: float
) -> dict[str, Any]:
    """Return the draws of the truth under a prior, and what is known of it."""
    values = truth.posterior.functions.values.flatten(0, 1)

    return _drawn(shown(values, NUM_TRUE_LINES), scale) | {
        "label": label,
        "runs": list(truth.runs),
        "draws": len(values),
        "rHat": worst_r_hat(truth),
        "floor": floors(card, SCORES),
    }


def _drawn(what: FunctionDraws, scale: float) -> dict[str, str]:
    return {
        "quantiles": packed(what.quantiles, scale),
        "lines": packed(what.lines, scale),
    }


def _largest_value(truths: Mapping[str, Reference]) -> float:
    """Return the largest absolute function value of all truths."""
    largest = [
        float(truth.posterior.functions.values.abs().max()) for truth in truths.values()
    ]
    return max(largest)


def _levels() -> Tensor:
    """Return the levels of the quantiles, (Q,)."""
    return (torch.arange(NUM_LEVELS, dtype=torch.float64) + 0.5) / NUM_LEVELS


def _listed(values: Tensor) -> list[float]:
    """Return numbers with four digits behind the point."""
    return [round(value, 4) for value in values.tolist()]
