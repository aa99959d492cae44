"""Scores with standard errors: of a prediction, and of the difference of two at the same cases."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from zoo.metrics.calibration import binned, gap
from zoo.predictive.prediction import Prediction

EDGES = (
    torch.arange(1, 15) / 15
).double()  # of the bins of the calibration error, rounded as probabilities are
RESAMPLED = 100


@dataclass(frozen=True)
class Number:
    r"""A number and its standard error, the spread over test cases by the root of how many there are.

    Arguments:
        value: The number.
        error: Its standard error; None where it has none.
    """

    value: float
    error: float | None = None

    @classmethod
    def mean(cls, values: Tensor) -> Number:
        """Average numbers of N cases."""
        values = values.double()
        return cls(float(values.mean()), float(values.std() / math.sqrt(len(values))))

    def __str__(self) -> str:
        if not self.error:
            return f"{self.value:.4g}"
        digits = max(0, 1 - math.floor(math.log10(self.error)))
        return f"{self.value:.{digits}f} ± {self.error:.{digits}f}"


@dataclass(frozen=True)
class Cases:
    """What a prediction is worth at each of N test cases, and over all.

    Arguments:
        error: 100 where the most probable class is wrong, else 0, (N,): its mean is the
            error in per cent.
        nll: Negative log probability of the target, (N,), in nats.
        confidence: Probability of the most probable class, (N,).
    """

    error: Tensor
    nll: Tensor
    confidence: Tensor

    @classmethod
    def of(cls, prediction: Prediction, y: Tensor) -> Cases:
        """Score class probabilities against class indices (N,)."""
        probs, y = prediction.probs.cpu(), y.cpu()
        wrong = 100.0 * (probs.argmax(-1) != y)
        return cls(wrong, -prediction.log_prob(y).cpu(), probs.amax(-1))

    @classmethod
    def read(cls, path: Path) -> Cases:
        """Read what `write` wrote."""
        return cls(**load_file(path))

    def write(self, path: Path) -> None:
        """Write the numbers of every case, so that a prediction that took long is made once."""
        save_file(
            {"error": self.error, "nll": self.nll, "confidence": self.confidence}, path
        )

    def numbers(self) -> dict[str, Number]:
        """Return the error in per cent, the NLL in nats and the ECE."""
        return {
            "error %": Number.mean(self.error),
            "nll": Number.mean(self.nll),
            "ece": self._ece(),
        }

    def minus(self, other: Cases) -> dict[str, Number]:
        """Return the paired differences of error, NLL and ECE: negative where this one is better."""
        error, nll = self.error - other.error, self.nll - other.nll
        return {
            "error %": Number.mean(error),
            "nll": Number.mean(nll),
            "ece": self._ece(other),
        }

    def _ece(self, other: Cases | None = None) -> Number:
        """Return the ECE, or its difference, with its spread over resampled cases."""
        random, size = torch.Generator().manual_seed(0), len(self.error)
        rows = [
            torch.arange(size),
            *(torch.randint(size, (size,), generator=random) for _ in range(RESAMPLED)),
        ]
        values = torch.tensor(
            [
                self._gap(row) - (0.0 if other is None else other._gap(row))
                for row in rows
            ]
        )
        return Number(float(values[0]), float(values[1:].std()))

    def _gap(self, rows: Tensor) -> float:
        """Return the ECE of some cases: how far confidence is from accuracy in each of 15 bins."""
        right = 1 - self.error[rows].double() / 100
        return float(gap(binned(self.confidence[rows].double(), right, EDGES)))
