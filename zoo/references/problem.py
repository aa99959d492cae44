"""A problem whose posterior is to be known: network, prior, likelihood, data, and where functions are looked at."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from zoo.data import Data
from zoo.datasets import Dataset
from zoo.model import BayesianNetwork
from zoo.posterior.posterior import Posterior


class Engine(Protocol):
    """What gives draws of the posterior."""

    def fit(self, data: Data) -> Posterior:
        """Draw."""


@dataclass(frozen=True, repr=False, eq=False)
class Problem:
    """A named and versioned posterior, and the runs that are to agree on it.

    Arguments:
        name: What it is called, "yacht-50" say.
        version: Raised whenever the model, the data or the inputs change.
        model: The model.
        data: The data set.
        inputs: Inputs (M, ...) at which function values are kept.
        away: Which of them lie away from the data, (M,).
        targets: Targets (K, ...) of the first K inputs, held out; None where there are
            none with noise.
        runs: Engines of two kinds, each with several chains, by name.
        kept: Draws of each chain whose function values are kept.
        label: What is to be known of the posterior beforehand, such as that it is a
            mode's.
        log_evidence: log p(y | x) in nats, where it is known exactly.
    """

    name: str
    version: int
    model: BayesianNetwork
    data: Dataset
    inputs: Tensor
    away: Tensor
    targets: Tensor | None
    runs: Mapping[str, Engine]
    kept: int = 200
    label: str = ""
    log_evidence: float | None = None

    def fingerprint(self) -> str:
        """Return what changes when the data, the inputs, or the shapes or priors of the sites do."""
        said = hashlib.sha256()
        for tensor in (*self.data.train, self.inputs):
            said.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        for name, prior in self.model.latents.items():
            said.update(f"{name} {tuple(prior.shape())}".encode())
            said.update(
                f"{float(prior.log_prob(0.5 * torch.ones(prior.shape()))):.4g}".encode()
            )
        return said.hexdigest()[:16]

    def __repr__(self) -> str:
        return f"Problem({self.name!r}, version {self.version}: {', '.join(self.runs)})"


def beyond(x: Tensor, number: int, distance: float = 2.0, seed: int = 0) -> Tensor:
    r"""Return inputs (number, D) away from data (N, D): data pushed out from their middle.

    .. math:: x' = \bar x + (1 + \text{distance}) (x - \bar x)

    Arguments:
        x: The data's inputs.
        number: How many of them are taken.
        distance: How far they are pushed, in units of their own distance.
        seed: Seed of the choice.
    """
    chosen = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))[
        :number
    ]
    return x.mean(0) + (1 + distance) * (x[chosen] - x.mean(0))
