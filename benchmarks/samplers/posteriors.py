"""The five posteriors, as Pyro programs with data, and the functions whose draws are scored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor
from torch.func import vmap

import zoo
from benchmarks.speed import problems
from zoo import references

Draws = dict[str, Tensor]
NUM_FUNCTIONS = 20
SCHOOLS = (
    (28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0),
    (15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0),
)
NUM_GROUPS, NUM_INPUTS, NUM_DATA = 20, 5, 600


@dataclass(frozen=True)
class Posterior:
    """A model with its data.

    Arguments:
        name: Its name.
        model: A Pyro program, or a model of this package.
        data: Arguments of the model: those of `fit`, and those of the program in NumPyro.
        functions: Returns the function values (C, S, M) of draws of all sites (C, S, *shape).
        gradients: Budget of gradients in sampling, of all chains.
    """

    name: str
    model: Any
    data: tuple[Tensor, ...]
    functions: Callable[[Draws], Tensor]
    gradients: int


def weights_of(model: zoo.BayesianNetwork) -> list[str]:
    """Return the names of the random weights of a network."""
    return [name for name in model.latents if not name.startswith("likelihood:")]


def at_inputs(model: zoo.BayesianNetwork, inputs: Tensor) -> Callable[[Draws], Tensor]:
    """Return the function that gives a network's outputs at inputs for draws."""

    def of_one(values: Draws) -> Tensor:
        return model.output(values, inputs).squeeze(-1)

    def functions(draws: Draws) -> Tensor:
        weights = {name: draws[name] for name in weights_of(model)}
        with torch.no_grad():
            return vmap(vmap(of_one))(weights)

    return functions


def noise_13_50_1() -> Posterior:
    """The 13-50-1 network with 500 data of noise, whose scale is given."""
    model, data, _ = problems.regression()
    functions = at_inputs(model, data[0][:NUM_FUNCTIONS])

    return Posterior("13-50-1", model, data, functions, 1_200_000)


def concrete_50() -> Posterior:
    """The reference `concrete-50`: 927 data, 501 weights and the noise's scale."""
    problem = references.concrete_50()
    inputs = problem.inputs[:NUM_FUNCTIONS]
    functions = at_inputs(problem.model, inputs)

    return Posterior(
        "concrete-50", problem.model, tuple(problem.data.train), functions, 600_000
    )


def digits_mlp() -> Posterior:
    """The reference `digits-mlp`: 160 images, 1510 weights; probabilities of the labels."""
    problem = references.digits_mlp()
    inputs = problem.inputs[:NUM_FUNCTIONS]
    outputs = at_inputs(problem.model, inputs)
    labels = problem.data.test.y[:NUM_FUNCTIONS]

    def functions(draws: Draws) -> Tensor:
        probabilities = outputs(draws).softmax(-1)
        index = labels.expand(*probabilities.shape[:-1])
        return probabilities.gather(-1, index[..., None]).squeeze(-1)

    return Posterior(
        "digits-mlp", problem.model, tuple(problem.data.train), functions, 400_000
    )


def schools(y: Tensor, sigma: Tensor) -> None:
    """Eight schools, not centred."""
    mu = pyro.sample("mu", dist.Normal(0.0, 5.0))
    tau = pyro.sample("tau", dist.HalfCauchy(5.0))
    with pyro.plate("schools", len(y)):
        theta = pyro.sample("theta", dist.Normal(0.0, 1.0))
        pyro.sample("y", dist.Normal(mu + tau * theta, sigma), obs=y)


def eight_schools() -> Posterior:
    """Eight schools: ten parameters."""

    def functions(draws: Draws) -> Tensor:
        mu, tau = draws["mu"][..., None], draws["tau"][..., None]
        return torch.cat([mu, tau.log(), mu + tau * draws["theta"]], -1)

    y, sigma = map(torch.tensor, SCHOOLS)
    return Posterior("eight-schools", schools, (y, sigma), functions, 800_000)


def logistic(x: Tensor, group: Tensor, y: Tensor) -> None:
    """Logistic regression whose coefficients differ by group."""
    size = x.shape[1]
    mu = pyro.sample("mu", dist.Normal(0.0, 1.0).expand([size]).to_event(1))
    tau = pyro.sample("tau", dist.HalfNormal(1.0).expand([size]).to_event(1))
    shape = [NUM_GROUPS, size]
    z = pyro.sample("z", dist.Normal(0.0, 1.0).expand(shape).to_event(2))
    logits = (x * (mu + tau * z)[group]).sum(-1)
    with pyro.plate("data", len(y)):
        pyro.sample("y", dist.Bernoulli(logits=logits), obs=y)


def hierarchical_logistic() -> Posterior:
    """Hierarchical logistic regression: 600 simulated data, 20 groups, 110 parameters."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(NUM_DATA, NUM_INPUTS, generator=generator)
    group = torch.arange(NUM_DATA) % NUM_GROUPS
    slopes = torch.randn(NUM_GROUPS, NUM_INPUTS, generator=generator)
    slopes = slopes * torch.linspace(0.1, 1.0, NUM_INPUTS) + 0.5
    logits = (x * slopes[group]).sum(-1)
    uniform = torch.rand(NUM_DATA, generator=generator)
    y = (uniform < logits.sigmoid()).float()

    def functions(draws: Draws) -> Tensor:
        mu, tau = draws["mu"], draws["tau"]
        slopes = mu[..., None, :] + tau[..., None, :] * draws["z"]
        first = slopes[..., : NUM_FUNCTIONS // 2, 0]
        return torch.cat([mu, tau.log(), first], -1)

    return Posterior(
        "hierarchical-logistic", logistic, (x, group, y), functions, 400_000
    )


POSTERIORS: dict[str, Callable[[], Posterior]] = {
    "13-50-1": noise_13_50_1,
    "concrete-50": concrete_50,
    "digits-mlp": digits_mlp,
    "eight-schools": eight_schools,
    "hierarchical-logistic": hierarchical_logistic,
}
