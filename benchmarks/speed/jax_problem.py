"""The 13-50-1 network in JAX, and JAX held to as many threads as torch has."""

from __future__ import annotations

import importlib
import os
from types import ModuleType
from typing import NamedTuple

from benchmarks.speed import problems

NAMES = ("layer1.weight", "layer1.bias", "layer2.weight", "layer2.bias")


def load(threads: int, name: str = "jax") -> ModuleType:
    """Import JAX or a library on it; threads are read from the environment when JAX is imported first."""
    os.environ.setdefault("NPROC", str(threads))
    many = "true" if threads > 1 else "false"
    os.environ.setdefault("XLA_FLAGS", f"--xla_cpu_multi_thread_eigen={many}")
    return importlib.import_module(name)


class Problem(NamedTuple):
    """Data as JAX arrays: x (N, 13), y (N,), inputs (40, 13) at which functions are looked at, the prior's scales."""

    x: object
    y: object
    inputs: object
    shapes: dict[str, tuple[int, ...]]
    scales: dict[str, float]


def problem(threads: int) -> Problem:
    """Copy the problem from torch."""
    numpy = load(threads, "jax.numpy")
    model, (x, y), new = problems.regression()
    priors = model.latents
    inputs = [*x[:20].tolist(), *new.tolist()]
    return Problem(
        numpy.asarray(x.numpy()),
        numpy.asarray(y.squeeze(-1).numpy()),
        numpy.asarray(inputs, dtype=numpy.float32),
        {name: tuple(priors[name].shape()) for name in NAMES},
        {name: float(priors[name].base_dist.scale.flatten()[0]) for name in NAMES},
    )


def network(weights: dict[str, object], x: object) -> object:
    """Return the network's output (N,) for weights by name."""
    numpy = importlib.import_module("jax.numpy")
    hidden = numpy.tanh(x @ weights["layer1.weight"].T + weights["layer1.bias"])
    return (hidden @ weights["layer2.weight"].T + weights["layer2.bias"])[..., 0]


def unpack(flat: object, shapes: dict[str, tuple[int, ...]]) -> dict[str, object]:
    """Split a vector (P,) into weights by name."""
    weights, start = {}, 0
    for name, shape in shapes.items():
        size = 1
        for side in shape:
            size *= side
        weights[name] = flat[start : start + size].reshape(shape)
        start += size
    return weights


def log_joint(facts: Problem) -> object:
    """Return the log joint density as a function of a vector (P,)."""
    numpy, norm = (
        importlib.import_module("jax.numpy"),
        importlib.import_module("jax.scipy.stats").norm,
    )

    def density(flat: object) -> object:
        weights = unpack(flat, facts.shapes)
        prior = sum(
            numpy.sum(norm.logpdf(weights[name], 0.0, scale))
            for name, scale in facts.scales.items()
        )
        return prior + numpy.sum(
            norm.logpdf(facts.y, network(weights, facts.x), problems.NOISE)
        )

    return density
