"""Making a reference posterior: runs of every engine, some of their draws, and the evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pyro
import torch
from torch import Tensor

from zoo.inference.mcmc.sampler import Sampler
from zoo.likelihoods.likelihood import is_noise_site
from zoo.posterior.function_posterior import FunctionPosterior
from zoo.posterior.posterior import Posterior
from zoo.predictive.evaluate import evaluate_draws
from zoo.predictive.prediction import Prediction
from zoo.references.evidence import convergence_evidence, thin_chains
from zoo.references.how_made import how_made
from zoo.references.problem import Problem
from zoo.references.reference import Reference


def make(
    problem: Problem,
    seed: int = 0,
    report: Callable[[str], object] = print,
    folder: Path | None = None,
) -> Reference:
    """Run every engine of a problem, and keep what a reference stores.

    Arguments:
        problem: The problem.
        seed: Seed of all random numbers.
        report: Called with a line of text after each run.
        folder: The folder of the runs' checkpoints, see `checkpoints`, from which a run
            that was ended is taken up; None writes none.

    Example:
        >>> problem = zoo.references.linear()
        >>> exact = {"exact": problem.runs["exact"]}  # without NUTS, which takes longer
        >>> make(replace(problem, runs=exact), report=len)
        Reference('linear', version 1: exact (4, 200))
    """
    posteriors: dict[str, Posterior] = {}
    outputs: dict[str, Tensor] = {}  # (C, S, N, O) each
    files = {} if folder is None else checkpoints(problem, seed, folder)
    for number, (name, engine) in enumerate(problem.runs.items()):
        pyro.set_rng_seed(seed + number)
        if name in files:
            files[name].parent.mkdir(parents=True, exist_ok=True)
            engine = replace(engine, checkpoint=files[name])

        posterior = engine.fit(problem.data.train)
        if posterior.info is not None and posterior.info.error is not None:
            raise posterior.info.error  # half a run is no evidence

        posteriors[name] = posterior
        outputs[name] = _evaluate_at_inputs(problem, posterior)
        report(f"{name}: {posterior!r}")

    pyro.set_rng_seed(seed)  # also if the runs were taken up
    functions = {}
    for name, posterior in posteriors.items():
        functions[name] = _function_values(posterior, outputs[name])

    num_available = min(values.shape[1] for values in outputs.values())
    num_saved = min(problem.num_saved, num_available)
    runs = {}
    for name, posterior in posteriors.items():
        thinned = thin_chains(outputs[name], num_saved)
        runs[name] = _without_weights(problem, posterior, thinned)

    weights = _sample_weights(problem, posteriors)
    evidence = convergence_evidence(functions, posteriors)
    return Reference(problem, runs, weights, evidence, how_made(problem, seed))


def checkpoints(problem: Problem, seed: int, folder: Path) -> dict[str, Path]:
    """Return the checkpoint of each run that can be taken up, by the run's name.

    Arguments:
        problem: The problem.
        seed: Seed of all random numbers; each seed has its own files.
        folder: The folder of the files.
    """
    files = {}
    for name, engine in problem.runs.items():
        if isinstance(engine, Sampler):
            stem = f"{problem.name}.{name}.seed-{seed}"
            files[name] = folder / f"{stem}.run"

    return files


def _evaluate_at_inputs(problem: Problem, posterior: Posterior) -> Tensor:
    """Return the outputs of the network at the inputs of the problem, (C, S, N, O)."""
    if isinstance(posterior, FunctionPosterior):  # it has no weights
        return posterior.functions.values

    draws = _flatten_chains(posterior.draws)
    outputs = evaluate_draws(
        problem.model, draws, posterior.state, problem.inputs, progress=True
    )
    return outputs.unflatten(0, (posterior.num_chains, -1))


def _function_values(posterior: Posterior, outputs: Tensor) -> Tensor:
    """Map outputs of the network (C, S, N, O) to function values: means, or probabilities."""
    draws = _flatten_chains(posterior.draws)
    flat = outputs.flatten(0, 1)
    prediction = Prediction(posterior.model.likelihood, flat, draws)

    num_chains = len(outputs)
    return prediction.functions.unflatten(0, (num_chains, -1))


def _without_weights(
    problem: Problem, posterior: Posterior, outputs: Tensor
) -> FunctionPosterior:
    """Return a posterior that holds outputs at the inputs and as many draws of the noise."""
    num_samples = outputs.shape[1]
    noise = {}
    for site, value in posterior.draws.items():
        if is_noise_site(site):
            noise[site] = thin_chains(value, num_samples)

    functions = (problem.inputs, outputs)
    return FunctionPosterior(
        problem.model, state={}, info=posterior.info, draws=noise, functions=functions
    )


def _flatten_chains(draws: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return draws (C, S, *shape) of every site as (C S, *shape)."""
    return {site: value.flatten(0, 1) for site, value in draws.items()}


def _sample_weights(
    problem: Problem, posteriors: Mapping[str, Posterior]
) -> dict[str, Tensor]:
    """Return some draws of every site from all runs together, (S, *shape)."""
    samples = []
    for posterior in posteriors.values():
        if not isinstance(posterior, FunctionPosterior):  # which has no weights
            samples.append(posterior.sample(problem.num_weights))

    weights = {}
    for site in problem.model.latents:
        weights[site] = torch.cat([sample[site] for sample in samples])
    return weights
