"""Gradients of the log joint of 64 chains in one call: ours against JAX's `vmap`."""

from __future__ import annotations

import pyro
import torch
from torch import Tensor

from benchmarks.speed import problems
from benchmarks.speed.clock import Side, in_turn
from benchmarks.speed.jax_problem import load, log_joint, problem
from benchmarks.speed.row import Facts, Row, Settings, Target, missing
from zoo.inference.mcmc.density.potential import Potential
from zoo.tracing.compiled import rows_at_once
from zoo.tracing.traced import Traced

CHAINS = 64
TARGET = Target(1.0, 0.5)
WORK = f"gradients of {CHAINS} chains, 13-50-1 network"
COMPARED = "ours / JAX vmap"
NUM_PARAMETERS = 13 * 50 + 50 + 50 + 1


def gradients(settings: Settings) -> list[Row]:
    """Measure both sides in turn."""
    torch.manual_seed(0)
    q = 0.1 * torch.randn(CHAINS, NUM_PARAMETERS, device=settings.device)
    own, traced = ours(q, settings)
    try:
        rival = theirs(q, settings)
    except ImportError:
        return [missing(WORK, COMPARED, "JAX")]

    rounds = int(settings.pick(7, 31))
    times = in_turn({"ours": own, "JAX": rival}, rounds, calls=5)
    facts: Facts = {}
    for name, seconds in times.items():
        facts[f"{name} us a call"] = round(1e6 * seconds)
    facts["run"] = traced.how
    facts["tracing s"] = round(traced.seconds, 1)

    return [Row(WORK, COMPARED, times["ours"] / times["JAX"], TARGET, facts)]


def ours(q: Tensor, settings: Settings) -> tuple[Side, Traced]:
    """Return our gradient of all chains, run as in the samplers."""
    model, data, _ = problems.regression_on(settings.device)
    potential = Potential(model, *data)
    mode = "captured" if settings.device == "cuda" else "auto"
    traced = Traced(
        potential.gradient,
        compile=mode,
        calls=100_000,
        rows=rows_at_once(CHAINS, potential.widest),
    )
    with potential.program.running(), pyro.validation_enabled(False):
        traced(q)

    return lambda: traced(q), traced


def theirs(q: Tensor, settings: Settings) -> Side:
    """Return the gradient of all chains in JAX."""
    jax = load(settings.threads)
    density = log_joint(problem(settings.threads))
    gradient = jax.jit(jax.vmap(jax.value_and_grad(density)))
    place = jax.numpy.asarray(q.cpu().numpy())

    return lambda: jax.block_until_ready(gradient(place))
