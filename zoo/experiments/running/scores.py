"""Scores with standard errors: of a prediction, and of the difference of two predictions."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
from torch import Tensor

from zoo.metrics.calibration import binned, gap
from zoo.posterior.damaged_file import DamagedFile
from zoo.posterior.storage import read_file, write_file
from zoo.predictive.prediction import Prediction

RESAMPLED = 100  # times that cases are resampled for the error of a calibration error
_EDGES = (torch.arange(1, 15) / 15).double()  # of 15 bins, rounded as in float32


@dataclass(frozen=True)
class Number:
    """A number and its standard error.

    Arguments:
        value: The number.
        error: Its standard error; None if it is not known.
    """

    value: float
    error: float | None = None

    @classmethod
    def mean(cls, values: Tensor) -> Number:
        """Return the mean of one value per case (N,), with its standard error."""
        values = values.double()
        mean = float(values.mean())
        root = math.sqrt(len(values))
        error = float(values.std() / root)

        return cls(mean, error)

    @property
    def two_errors(self) -> float:
        """Two standard errors, for a bar in a figure; 0 if the error is not known."""
        return 2 * (self.error or 0.0)

    def __str__(self) -> str:
        if not self.error:
            return f"{self.value:.4g}"

        magnitude = math.floor(math.log10(self.error))
        digits = max(0, 1 - magnitude)

        return f"{self.value:.{digits}f} ± {self.error:.{digits}f}"


@dataclass(frozen=True)
class Cases:
    """The scores of a prediction at each of N test cases, or at R versions of each.

    Standard errors are over cases: the versions of a case are not independent of each other.

    Arguments:
        error: 100 if the most probable class is wrong, else 0, (N,) or (R, N). The mean is
            the error in per cent.
        nll: Negative log probability of the target in nats, (N,) or (R, N).
        confidence: Probability of the most probable class, (N,) or (R, N).
    """

    error: Tensor
    nll: Tensor
    confidence: Tensor

    @classmethod
    def of(cls, prediction: Prediction, y: Tensor, num_versions: int = 1) -> Cases:
        """Score a prediction of class probabilities against class indices.

        Arguments:
            prediction: The prediction.
            y: Class indices (R N,), the N cases one version after the other.
            num_versions: Number R of versions of each case.
        """
        y = y.cpu()
        probs = prediction.probs.cpu()  # (N, O)
        wrong = probs.argmax(-1) != y
        error = 100.0 * wrong
        log_prob = prediction.log_prob(y).cpu()
        confidence = probs.amax(-1)

        values = [error, -log_prob, confidence]
        if num_versions > 1:
            values = [value.reshape(num_versions, -1) for value in values]

        return cls(*values)

    @classmethod
    def read(cls, path: Path) -> Cases:
        """Read the file that `write` has written.

        Raises:
            DamagedFile: The file does not hold the scores of the same cases.
        """
        _, tensors = read_file(path, "cases")
        shapes = {name: value.shape for name, value in tensors.items()}
        names = {field.name for field in fields(cls)}
        if shapes.keys() != names or len(set(shapes.values())) != 1:
            raise DamagedFile(f"{path} is damaged: it holds {shapes}")

        return cls(**tensors)

    def write(self, path: Path) -> None:
        """Write the scores of every case, so that a long prediction is made only once."""
        write_file(path, asdict(self), {"cases": "{}"})

    def numbers(self) -> dict[str, Number]:
        """Return the error in per cent, the NLL in nats and the ECE."""
        return {
            "error %": _mean(self.error),
            "nll": _mean(self.nll),
            "ece": self._ece(),
        }

    def minus(self, other: Cases) -> dict[str, Number]:
        """Return the paired differences of error, NLL and ECE; below 0 if this one is better."""
        error = self.error - other.error
        nll = self.nll - other.nll

        return {
            "error %": _mean(error),
            "nll": _mean(nll),
            "ece": self._ece_minus(other),
        }

    def _ece(self) -> Number:
        """Return the ECE, with its standard deviation over resampled cases."""
        samples = _resample(self.error.shape[-1])
        values = [self._ece_of(rows) for rows in samples]

        return _bootstrapped(values)

    def _ece_minus(self, other: Cases) -> Number:
        """Return the difference of two ECEs, with its standard deviation over resampled cases."""
        samples = _resample(self.error.shape[-1])
        values = []
        for rows in samples:
            ours = self._ece_of(rows)
            theirs = other._ece_of(rows)
            values.append(ours - theirs)

        return _bootstrapped(values)

    def _ece_of(self, rows: Tensor) -> float:
        """Return the ECE of some cases, in 15 bins of the confidence."""
        confidence = self.confidence[..., rows].flatten().double()
        error = self.error[..., rows].flatten().double()
        right = 1 - error / 100
        bins = binned(confidence, right, _EDGES)

        return float(gap(bins))


def _mean(values: Tensor) -> Number:
    """Return the mean of values (N,) or (R, N), with its standard error over the N cases."""
    by_case = values.double().reshape(-1, values.shape[-1]).mean(0)

    return Number.mean(by_case)


def _resample(size: int) -> list[Tensor]:
    """Return all rows (N,), and then rows drawn with replacement, RESAMPLED times."""
    random = torch.Generator().manual_seed(0)
    samples = [torch.arange(size)]
    for _ in range(RESAMPLED):
        rows = torch.randint(size, (size,), generator=random)
        samples.append(rows)

    return samples


def _bootstrapped(estimates: list[float]) -> Number:
    """Return the first value, with the standard deviation of the others as its error."""
    values = torch.tensor(estimates)
    spread = values[1:].std()

    return Number(float(values[0]), float(spread))
