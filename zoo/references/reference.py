"""A reference posterior: a problem, the runs that agree on it, and the evidence for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from zoo.datasets import Dataset
from zoo.model import BayesianNetwork
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.function_posterior import FunctionPosterior
from zoo.references.evidence import EvidenceRow
from zoo.references.problem import Problem
from zoo.references.reference_file import write_reference_file
from zoo.reports.table import Table

if TYPE_CHECKING:
    from zoo.posterior.labelled import Labelled

FOLDER = Path(__file__).parent / "posteriors"


@dataclass(frozen=True, repr=False, eq=False)
class Reference:
    """What is known of a posterior: function values at fixed inputs, some weights, the evidence.

    References:
        What Are Bayesian Neural Network Posteriors Really Like? (Izmailov, Vikram,
        Hoffman, Wilson, 2021)

    Arguments:
        problem: The problem.
        runs: The posterior of each run by the run's name. It holds function values at
            the inputs of the problem, not weights.
        weights: Some draws of every site from all runs together, (S, *shape).
        evidence: The rows of the evidence; see
            `zoo.references.evidence.convergence_evidence`.
        made: How it was made: the command, the samplers with their options, the versions.
            Files of version 0.8 and earlier say nothing.

    Example:
        >>> truth = zoo.references.load("cubic")
        >>> truth.posterior.functions.values.shape
        torch.Size([8, 200, 61, 1])
        >>> truth.table.to_dicts()[0]["R-hat"] < 1.01
        True
    """

    problem: Problem
    runs: Mapping[str, FunctionPosterior]
    weights: Mapping[str, Tensor]
    evidence: list[EvidenceRow]
    made: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the problem."""
        return self.problem.name

    @property
    def model(self) -> BayesianNetwork:
        """The model."""
        return self.problem.model

    @property
    def data(self) -> Dataset:
        """The data set."""
        return self.problem.data

    @property
    def inputs(self) -> Tensor:
        """The inputs at which function values are known, (N, ...)."""
        return self.problem.inputs

    @property
    def away(self) -> Tensor:
        """A mask of the inputs that lie away from the data, (N,)."""
        return self.problem.away

    @property
    def targets(self) -> Tensor | None:
        """Held-out targets of the first inputs; None if there are none."""
        return self.problem.targets

    @property
    def log_evidence(self) -> float | None:
        """The exact log p(y | x) in nats; None if it is not known."""
        return self.problem.log_evidence

    @property
    def posterior(self) -> FunctionPosterior:
        """The posterior of all runs together, chain after chain, for comparisons."""
        posteriors = list(self.runs.values())
        sites = posteriors[0].draws

        values = torch.cat([posterior.functions[1] for posterior in posteriors])
        draws = {}
        for site in sites:
            draws[site] = torch.cat([posterior.draws[site] for posterior in posteriors])

        functions = (self.inputs, values)
        return FunctionPosterior(
            self.model, state={}, info=None, draws=draws, functions=functions
        )

    @property
    def weight_posterior(self) -> DrawsPosterior:
        """The posterior of the few stored weights, which predicts at any input."""
        state = {}
        for name, buffer in self.model.network.named_buffers():
            state[name] = buffer.detach()
        state |= self.model.frozen()

        draws = {}
        for site, value in self.weights.items():
            draws[site] = value.unsqueeze(0)  # one chain
        return DrawsPosterior(self.model, state=state, info=None, draws=draws)

    def to_arviz(self) -> Labelled:
        """Return function values `f` and the noise of all chains as ArviZ's container."""
        return self.posterior.to_arviz(x=self.inputs)

    @property
    def table(self) -> Table:
        """The evidence as a table, one row for each run and one for all runs together."""
        columns: dict[str, None] = {}
        for row in self.evidence:
            columns |= dict.fromkeys(row)

        rows = []
        for row in self.evidence:
            rows.append(tuple(row.get(column) for column in columns))
        return Table(tuple(columns), rows, {})

    def __repr__(self) -> str:
        sizes = []
        for name, posterior in self.runs.items():
            _, values = posterior.functions
            size = tuple(values.shape[:2])
            sizes.append(f"{name} {size}")

        description = ", ".join(sizes)
        if self.problem.label:
            description += f"; {self.problem.label}"
        return (
            f"Reference({self.name!r}, version {self.problem.version}: {description})"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.table._repr_html_()}"

    def save(self, path: Path | None = None) -> Path:
        """Write the reference to a file, by default in the package, and return the path."""
        path = path or default_path(self.name)

        tensors = {f"weights/{site}": value for site, value in self.weights.items()}
        for run, posterior in self.runs.items():
            _, values = posterior.functions
            tensors[f"functions/{run}"] = values.float()
            for site, value in posterior.draws.items():
                tensors[f"noise/{run}/{site}"] = value.float()

        header = {
            "name": self.name,
            "version": self.problem.version,
            "fingerprint": self.problem.fingerprint(),
            "runs": list(self.runs),
            "evidence": self.evidence,
            "made": dict(self.made),
        }
        write_reference_file(path, header, tensors)
        return path


def default_path(name: str) -> Path:
    """Return the file in the package for the problem of a name."""
    return FOLDER / f"{name}.safetensors"
