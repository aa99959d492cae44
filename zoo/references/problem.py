"""A problem: a model, data, and the inputs at which posteriors are compared."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from pyro import poutine
from torch import Tensor

from zoo.datasets import Dataset
from zoo.inference.engine import Engine
from zoo.model import BayesianNetwork

_NUM_CHECKED = 20  # data at which the likelihood of a model is compared


@dataclass(frozen=True, repr=False, eq=False)
class Problem:
    """A posterior with a name and a version, and the runs that must agree on it.

    Arguments:
        name: The name, e.g. "yacht-50".
        version: A number that is raised when the model, the data or the inputs change.
        model: The model.
        data: The data set.
        inputs: Inputs at which function values are stored, (N, ...).
        away: A mask of the inputs that lie away from the data, (N,).
        targets: Held-out targets of the first inputs, (K, ...) for the first K of them;
            None if there are none with noise.
        runs: Two engines of different kinds, each with several chains, by name.
        num_saved: Number of draws of each chain whose function values are stored.
        label: A remark on the posterior, e.g. that it is the posterior of one mode.
        log_evidence: The exact log p(y | x) in nats; None if it is not known.
        source: Where the data are from, and their licence.
        num_weights: Number of draws of each run whose weights are stored.

    Example:
        >>> problem = zoo.references.cubic()
        >>> problem
        Problem('cubic', version 1: NUTS, MAMS)
        >>> inference.SVI(problem.model, guides.Delta(problem.model), num_steps=5,
        ...               progress=False).fit(problem.data.train)
        Posterior over 301 parameters at 4 sites: ...
    """

    name: str
    version: int
    model: BayesianNetwork
    data: Dataset
    inputs: Tensor
    away: Tensor
    targets: Tensor | None
    runs: Mapping[str, Engine]
    num_saved: int = 200
    label: str = ""
    log_evidence: float | None = None
    source: str = ""
    num_weights: int = 25

    def fingerprint(self) -> str:
        """Return a hash of the data, of the inputs, and of what the model does with them.

        It holds log densities and not the text of the model, so that a file remains valid
        when a class of the package gets another attribute.
        """
        digest = hashlib.sha256()
        for tensor in (*self.data.train, self.inputs):
            tensor = tensor.detach().cpu().contiguous()
            digest.update(tensor.numpy().tobytes())

        for name, prior in self.model.latents.items():
            shape = tuple(prior.shape())
            value = 0.5 * torch.ones(shape)
            log_prob = float(prior.log_prob(value))

            digest.update(f"{name} {shape}".encode())
            digest.update(f"{log_prob:.4g}".encode())

        likelihood = _log_likelihood(self.model, *self.data.train)
        digest.update(f"{likelihood:.6g}".encode())

        return digest.hexdigest()[:16]

    def __repr__(self) -> str:
        runs = ", ".join(self.runs)
        return f"Problem({self.name!r}, version {self.version}: {runs})"


def _log_likelihood(model: BayesianNetwork, x: Tensor, y: Tensor) -> float:
    """Return log p(y | x, z) of the first data in double precision, at fixed values of all sites.

    It differs for another noise, activation or frozen weight.
    """
    twin = copy.deepcopy(model).double().eval()
    values = {}
    for name, prior in twin.latents.items():
        shape = prior.shape()
        spread = torch.linspace(-0.5, 0.5, shape.numel(), dtype=torch.float64)
        value = spread.reshape(shape)
        is_inside = bool(prior.support.check(value).all())
        values[name] = value if is_inside else torch.full_like(value, 0.5)

    conditioned = poutine.condition(twin, data=values)
    with torch.no_grad():
        first_x, first_y = x[:_NUM_CHECKED].double(), y[:_NUM_CHECKED]
        trace = poutine.trace(conditioned).get_trace(first_x, first_y)

    trace.compute_log_prob()
    densities = [trace.nodes[name]["log_prob_sum"] for name in trace.observation_nodes]
    return float(sum(densities))


def inputs_away_from(
    x: Tensor, num_inputs: int, distance: float = 2.0, seed: int = 0
) -> Tensor:
    r"""Return inputs away from the data (num_inputs, D): data moved away from their mean.

    .. math:: x' = \bar x + (1 + \text{distance}) (x - \bar x)

    Arguments:
        x: The inputs of the data, (N, D).
        num_inputs: Number of inputs to return.
        distance: How far an input is moved, in units of its distance from the mean.
        seed: Seed of the choice of data.
    """
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(x), generator=generator)
    chosen = x[order[:num_inputs]]

    mean = x.mean(0)
    difference = chosen - mean
    return mean + (1 + distance) * difference


def near_and_far(near: Tensor, far: Tensor) -> tuple[Tensor, Tensor]:
    """Return all inputs (N, ...), and which of them are away from the data (N,).

    Arguments:
        near: Inputs like the data, which come first.
        far: Inputs away from the data.
    """
    inputs = torch.cat([near, far])
    away = torch.arange(len(inputs)) >= len(near)

    return inputs, away
