"""A reference posterior: a problem, the runs that agree on it, and the evidence that they do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from zoo.datasets import Dataset
from zoo.model import BayesianNetwork
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.function_posterior import FunctionPosterior
from zoo.posterior.storage import read_file, write_file
from zoo.references.problem import Problem
from zoo.reports.table import Table

FOLDER = Path(__file__).parent / "posteriors"
WEIGHTS = 25  # draws of a run whose weights are kept


@dataclass(frozen=True, repr=False, eq=False)
class Reference:
    """What is known of a posterior: function values at fixed inputs, some draws of the weights, and the evidence.

    References:
        What Are Bayesian Neural Network Posteriors Really Like? (Izmailov, Vikram, Hoffman, Wilson, 2021)

    Arguments:
        problem: The problem.
        runs: The posterior that each run gave, its function values at the problem's
            inputs, by the run's name.
        weights: Some draws (T, *shape) of every site, of all runs together.
        evidence: Rows of the evidence, what each says by name; see `evidence`.
    """

    problem: Problem
    runs: Mapping[str, FunctionPosterior]
    weights: Mapping[str, Tensor]
    evidence: list[dict[str, object]]

    @property
    def name(self) -> str:
        """What it is called."""
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
        """The inputs (M, ...) at which functions are known."""
        return self.problem.inputs

    @property
    def away(self) -> Tensor:
        """Which of the inputs lie away from the data, (M,)."""
        return self.problem.away

    @property
    def targets(self) -> Tensor | None:
        """Held-out targets (K, ...) of the first K inputs."""
        return self.problem.targets

    @property
    def log_evidence(self) -> float | None:
        """Log p(y | x) in nats, where it is known exactly."""
        return self.problem.log_evidence

    @property
    def posterior(self) -> FunctionPosterior:
        """The posterior of all runs together, chain after chain: what predictions are compared with."""
        posteriors = list(self.runs.values())
        values = torch.cat([posterior.functions[1] for posterior in posteriors])
        draws = {
            name: torch.cat([posterior.draws[name] for posterior in posteriors])
            for name in posteriors[0].draws
        }
        return FunctionPosterior(
            self.model,
            state={},
            info=None,
            draws=draws,
            functions=(self.inputs, values),
        )

    @property
    def weight_posterior(self) -> DrawsPosterior:
        """The posterior by the weights that were kept, few draws of all runs: it predicts at any inputs."""
        draws = {name: value[None] for name, value in self.weights.items()}
        state = {
            name: value.detach() for name, value in self.model.network.named_buffers()
        } | self.model.frozen()
        return DrawsPosterior(self.model, state=state, info=None, draws=draws)

    @property
    def table(self) -> Table:
        """The evidence."""
        columns = tuple(dict.fromkeys(key for row in self.evidence for key in row))
        return Table(
            columns,
            [tuple(row.get(column) for column in columns) for row in self.evidence],
            {},
        )

    def __repr__(self) -> str:
        sizes = ", ".join(
            f"{name} {tuple(run.functions[1].shape[:2])}"
            for name, run in self.runs.items()
        )
        label = f"; {self.problem.label}" if self.problem.label else ""
        return (
            f"Reference({self.name!r}, version {self.problem.version}: {sizes}{label})"
        )

    def _repr_html_(self) -> str:
        return f"<p>{self!r}</p>{self.table._repr_html_()}"

    def save(self, path: Path | None = None) -> Path:
        """Write it to a file, the package's own where nothing is said, and return its path."""
        path = path or FOLDER / f"{self.name}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        tensors = {f"weights/{name}": value for name, value in self.weights.items()}
        for run, posterior in self.runs.items():
            tensors[f"functions/{run}"] = posterior.functions[1].float()
            tensors |= {
                f"noise/{run}/{name}": value.float()
                for name, value in posterior.draws.items()
            }
        header = {
            "name": self.name,
            "version": self.problem.version,
            "fingerprint": self.problem.fingerprint(),
            "runs": list(self.runs),
            "evidence": self.evidence,
            "checksum": checksum(tensors),
        }
        write_file(path, tensors, {"reference": json.dumps(header)})
        return path


def read(problem: Problem, path: Path | None = None) -> Reference:
    """Read the reference posterior of a problem, and check that it is that of this version, and whole.

    Raises:
        FileNotFoundError: There is none.
        ValueError: It is damaged, or that of another version.
    """
    path = path or FOLDER / f"{problem.name}.safetensors"
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no file {path}; python -m zoo reference {problem.name} --out {path.parent} makes it"
        )
    header, tensors = read_file(path, "reference")
    if header.get("name") != problem.name:
        raise ValueError(
            f"{path} holds {header.get('name')!r}, not the reference {problem.name!r}"
        )
    if (header["version"], header["fingerprint"]) != (
        problem.version,
        problem.fingerprint(),
    ):
        raise ValueError(
            f"{path} is of version {header['version']} ({header['fingerprint']}), and the problem {problem.name!r} of "
            f"version {problem.version} ({problem.fingerprint()}): make it anew, python -m zoo reference {problem.name}"
        )
    if header["checksum"] != checksum(tensors):
        raise ValueError(f"{path} is damaged: its checksum is not {header['checksum']}")

    def part(prefix: str) -> dict[str, Tensor]:
        return {
            n.removeprefix(prefix): value
            for n, value in tensors.items()
            if n.startswith(prefix)
        }

    values = part("functions/")
    runs = {
        run: FunctionPosterior(
            problem.model,
            state={},
            info=None,
            draws=part(f"noise/{run}/"),
            functions=(problem.inputs, values[run]),
        )
        for run in header["runs"]
    }
    return Reference(problem, runs, part("weights/"), header["evidence"])


def checksum(tensors: Mapping[str, Tensor]) -> str:
    """Return a checksum of tensors and their names."""
    said = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        said.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        said.update(value.numpy().tobytes())
    return said.hexdigest()
