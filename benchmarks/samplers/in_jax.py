"""The five posteriors as NumPyro programs, with the sites and the data of the Pyro programs."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch

from benchmarks.samplers.posteriors import NUM_GROUPS, Posterior, weights_of
from benchmarks.speed.jax_problem import load
from benchmarks.speed.problems import NOISE

Program = Callable[[], None]


class InJAX(NamedTuple):
    """A posterior in JAX.

    Arguments:
        program: The NumPyro program without arguments.
        potential: Potential of unconstrained values by site.
        constrain: Returns the constrained values by site of unconstrained ones.
        initial: Unconstrained values by site, which give the shapes.
    """

    program: Program
    potential: Callable[[Any], Any]
    constrain: Callable[[Any], Any]
    initial: dict[str, Any]


def in_jax(posterior: Posterior, threads: int = 1) -> InJAX:
    """Return a posterior in JAX."""
    jax = load(threads)
    util = load(threads, "numpyro.infer.util")
    arrays = [jax.numpy.asarray(value.numpy()) for value in posterior.data]
    makers: dict[str, Callable[..., Program]] = {
        "13-50-1": partial(network, posterior, noise=NOISE),
        "concrete-50": partial(network, posterior, noise=None),
        "digits-mlp": partial(network, posterior, noise=None),
        "eight-schools": schools,
        "hierarchical-logistic": logistic,
    }

    program = makers[posterior.name](*arrays)
    made = util.initialize_model(jax.random.PRNGKey(0), program)

    def constrain(values: Any) -> Any:
        return util.constrain_fn(program, (), {}, values)

    return InJAX(program, made.potential_fn, constrain, made.param_info.z)


def network(posterior: Posterior, x: Any, y: Any, noise: float | None) -> Program:
    """Return a network with one hidden layer of hyperbolic tangents, as a program."""
    numpyro = importlib.import_module("numpyro")
    jax = importlib.import_module("jax")
    d = numpyro.distributions
    scales = {}
    for name in weights_of(posterior.model):
        prior = posterior.model.latents[name]
        scale = torch.as_tensor(prior.base_dist.scale).broadcast_to(prior.shape())
        scales[name] = jax.numpy.asarray(scale.numpy())

    is_regression = y.ndim == 2

    def program() -> None:
        w = {}
        for name, scale in scales.items():
            prior = d.Normal(0.0, scale).to_event(scale.ndim)
            w[name] = numpyro.sample(name, prior)

        inputs = x @ w["layer1.weight"].T + w["layer1.bias"]
        outputs = jax.numpy.tanh(inputs) @ w["layer2.weight"].T + w["layer2.bias"]
        if is_regression:
            scale = noise
            if scale is None:
                scale = numpyro.sample("likelihood:scale", d.HalfNormal(1.0))
            seen = d.Normal(outputs, scale).to_event(1)
        else:
            seen = d.Categorical(logits=outputs)

        with numpyro.plate("data", len(y)):
            numpyro.sample("y", seen, obs=y)

    return program


def schools(y: Any, sigma: Any) -> Program:
    """Return the eight schools, not centred."""
    numpyro = importlib.import_module("numpyro")
    d = numpyro.distributions

    def program() -> None:
        mu = numpyro.sample("mu", d.Normal(0.0, 5.0))
        tau = numpyro.sample("tau", d.HalfCauchy(5.0))
        with numpyro.plate("schools", len(y)):
            theta = numpyro.sample("theta", d.Normal(0.0, 1.0))
            numpyro.sample("y", d.Normal(mu + tau * theta, sigma), obs=y)

    return program


def logistic(x: Any, group: Any, y: Any) -> Program:
    """Return the hierarchical logistic regression."""
    numpyro = importlib.import_module("numpyro")
    d = numpyro.distributions
    size = x.shape[1]

    def program() -> None:
        mu = numpyro.sample("mu", d.Normal(0.0, 1.0).expand([size]).to_event(1))
        tau = numpyro.sample("tau", d.HalfNormal(1.0).expand([size]).to_event(1))
        standard = d.Normal(0.0, 1.0).expand([NUM_GROUPS, size]).to_event(2)
        z = numpyro.sample("z", standard)
        logits = (x * (mu + tau * z)[group]).sum(-1)
        with numpyro.plate("data", len(y)):
            numpyro.sample("y", d.Bernoulli(logits=logits), obs=y)

    return program
