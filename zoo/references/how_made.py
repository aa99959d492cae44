"""How a reference is made: the command, the samplers with their options, the versions."""

from __future__ import annotations

import dataclasses
from typing import Any

from zoo.experiments.running.record import about
from zoo.inference.engine import Engine
from zoo.inference.mcmc.sampler import Sampler
from zoo.references.problem import Problem

_NOT_OPTIONS = {"model", "progress", "checkpoint"}


def how_made(problem: Problem, seed: int) -> dict[str, Any]:
    """Return what a reference's file says about how it was made, as JSON values.

    Arguments:
        problem: The problem.
        seed: Seed of all random numbers.
    """
    seeded = f" --seed {seed}" if seed else ""
    return {
        "command": f"python -m zoo reference {problem.name}{seeded}",
        "samplers": samplers_of(problem),
        **about("cpu"),
    }


def samplers_of(problem: Problem) -> dict[str, str]:
    """Return each run's sampler with the options that are not its defaults, by the run's name."""
    return {name: _described(engine) for name, engine in problem.runs.items()}


def _described(engine: Engine) -> str:
    """Return a sampler and its options as the call that makes it; exact draws as a sentence."""
    if not isinstance(engine, Sampler):
        number = getattr(engine, "num_samples", None)
        return f"independent draws in closed form, {number} in each of four chains"

    options = []
    for field in dataclasses.fields(engine):
        value = getattr(engine, field.name)
        if field.name not in _NOT_OPTIONS and value != field.default:
            options.append(f"{field.name}={value!r}")

    return f"{type(engine).__name__}({', '.join(options)})"
