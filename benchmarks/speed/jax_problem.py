"""The 13-50-1 network in JAX, with the same number of threads as torch."""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

from benchmarks.speed import problems

NAMES = ("layer1.weight", "layer1.bias", "layer2.weight", "layer2.bias")


def load(threads: int, name: str = "jax") -> ModuleType:
    """Import JAX or a library on it; JAX reads the number of threads when it is first imported."""
    os.environ.setdefault("NPROC", str(threads))
    several = "true" if threads > 1 else "false"
    os.environ.setdefault("XLA_FLAGS", f"--xla_cpu_multi_thread_eigen={several}")

    return importlib.import_module(name)


class Problem(NamedTuple):
    """Data as JAX arrays, and the prior.

    Arguments:
        x: Inputs, (N, 13).
        y: Targets, (N,).
        shapes: Shapes of the weights by name.
        scales: Standard deviations of their prior by name.
    """

    x: Any
    y: Any
    shapes: dict[str, tuple[int, ...]]
    scales: dict[str, float]


def problem(threads: int) -> Problem:
    """Copy the problem from torch."""
    numpy = load(threads, "jax.numpy")
    model, (x, y), _ = problems.regression()
    priors = model.latents

    return Problem(
        numpy.asarray(x.numpy()),
        numpy.asarray(y.squeeze(-1).numpy()),
        {name: tuple(priors[name].shape()) for name in NAMES},
        {name: float(priors[name].base_dist.scale.flatten()[0]) for name in NAMES},
    )


def network(weights: dict[str, Any], x: Any) -> Any:
    """Return the network's output (N,) for weights by name."""
    numpy = importlib.import_module("jax.numpy")
    hidden = numpy.tanh(x @ weights["layer1.weight"].T + weights["layer1.bias"])
    outputs = hidden @ weights["layer2.weight"].T + weights["layer2.bias"]

    return outputs[..., 0]


def unpack(flat: Any, shapes: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    """Split a vector (P,) into weights by name."""
    weights = {}
    start = 0
    for name, shape in shapes.items():
        end = start + math.prod(shape)
        weights[name] = flat[start:end].reshape(shape)
        start = end

    return weights


def log_joint(facts: Problem) -> Callable[[Any], Any]:
    """Return the log joint density as a function of a vector (P,)."""
    numpy = importlib.import_module("jax.numpy")
    norm = importlib.import_module("jax.scipy.stats").norm

    def density(flat: Any) -> Any:
        weights = unpack(flat, facts.shapes)
        log_prior = 0
        for name, scale in facts.scales.items():
            log_prior += numpy.sum(norm.logpdf(weights[name], 0.0, scale))

        outputs = network(weights, facts.x)
        log_likelihood = norm.logpdf(facts.y, outputs, problems.NOISE)

        return log_prior + numpy.sum(log_likelihood)

    return density
