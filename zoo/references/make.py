"""Making a reference posterior: every run of a problem, the evidence, and what is kept of the draws."""

from __future__ import annotations

from collections.abc import Callable

import pyro
import torch
from torch import Tensor

from zoo.posterior.function_posterior import FunctionPosterior
from zoo.posterior.posterior import Posterior
from zoo.predictive.evaluate import evaluate_draws
from zoo.references.evidence import evidence, function_values, thinned
from zoo.references.problem import Problem
from zoo.references.reference import WEIGHTS, Reference


def make(
    problem: Problem, seed: int = 0, say: Callable[[str], object] = print
) -> Reference:
    """Run every engine of a problem and keep what is worth keeping.

    Arguments:
        problem: The problem.
        seed: Seed of everything random.
        say: Called with a line after each run.
    """
    posteriors, values = {}, {}
    for number, (name, engine) in enumerate(problem.runs.items()):
        pyro.set_rng_seed(seed + number)
        posteriors[name] = engine.fit(problem.data.train)
        values[name] = at_inputs(problem, posteriors[name])
        say(f"{name}: {posteriors[name]!r}")
    functions = {
        name: function_values(posteriors[name], found) for name, found in values.items()
    }
    kept = min(problem.kept, *(found.shape[1] for found in values.values()))
    runs = {}
    for name, posterior in posteriors.items():
        noise = {
            site: thinned(value, kept)
            for site, value in posterior.draws.items()
            if is_noise(site)
        }
        known = problem.inputs, thinned(values[name], kept)
        runs[name] = FunctionPosterior(
            problem.model, state={}, info=posterior.info, draws=noise, functions=known
        )
    weights = {
        site: torch.cat(
            [posterior.sample(WEIGHTS)[site] for posterior in posteriors.values()]
        )
        for site in problem.model.latents
    }
    return Reference(problem, runs, weights, evidence(functions, posteriors))


def at_inputs(problem: Problem, posterior: Posterior) -> Tensor:
    """Return the network's outputs at the problem's inputs, (C, S, M, O)."""
    draws = {name: value.flatten(0, 1) for name, value in posterior.draws.items()}
    found = evaluate_draws(
        problem.model, draws, posterior.state, problem.inputs, progress=True
    )
    return found.unflatten(0, (posterior.num_chains, -1))


def is_noise(site: str) -> bool:
    """Tell whether a site is the likelihood's own."""
    return site.startswith("likelihood:")
