"""The true posterior under a wider or narrower prior than a reference's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from zoo import references
from zoo.inference.engine import Engine
from zoo.model import BayesianNetwork
from zoo.references import Problem, Reference


def scaled_truth(
    problem: Problem,
    model: BayesianNetwork,
    runs: Mapping[str, Engine],
    seed: int = 0,
) -> Reference:
    """Sample the posterior of another model at the inputs of a problem.

    Another prior has another posterior, so a reference that ships is no truth for it. The
    evidence that the samplers agree is in the result, as for every reference.

    References:
        What Are Bayesian Neural Network Posteriors Really Like? (Izmailov, Vikram,
        Hoffman, Wilson, 2021)

    Arguments:
        problem: The problem, whose data and inputs are kept.
        model: The model with the other prior.
        runs: Samplers of that model by name.
        seed: Seed of all random numbers.
    """
    other = replace(problem, model=model, runs=runs)

    return references.make(other, seed, report=_say_nothing)


def worst_r_hat(reference: Reference) -> float | None:
    """Return the largest R-hat in the evidence of a reference; None if it is not finite."""
    found = []
    for row in reference.evidence:
        for name, value in row.items():
            if "R-hat" in name and isinstance(value, float):
                found.append(value)

    worst = max(found, default=math.nan)
    return round(worst, 3) if math.isfinite(worst) else None


def _say_nothing(_text: str) -> None:
    """Take the report of a run and do nothing with it."""
