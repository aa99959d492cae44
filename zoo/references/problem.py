"""A problem: a model, data, and the inputs at which posteriors are compared."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.datasets import Dataset
from zoo.inference.engine import Engine
from zoo.model import BayesianNetwork


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

    def fingerprint(self) -> str:
        """Return a hash of the data, of the inputs, and of the shapes and priors of the sites."""
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

        return digest.hexdigest()[:16]

    def __repr__(self) -> str:
        runs = ", ".join(self.runs)
        return f"Problem({self.name!r}, version {self.version}: {runs})"


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
