"""Scores with standard errors: of a prediction, and of the difference of two at the same cases."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from zoo import metrics
from zoo.prediction import Prediction


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
        error: 100 where the most probable class is wrong, else 0, (N,): its mean is the error in per cent.
        nll: Negative log probability of the target, (N,), in nats.
        ece: Calibration error of all cases, in 15 bins.
    """

    error: Tensor
    nll: Tensor
    ece: float

    @classmethod
    def of(cls, prediction: Prediction, y: Tensor) -> Cases:
        """Score class probabilities against class indices (N,)."""
        probs, y = prediction.probs.cpu(), y.cpu()
        wrong = 100.0 * (probs.argmax(-1) != y)
        return cls(wrong, -prediction.log_prob(y).cpu(), float(metrics.calibration_error(probs, y)))

    @classmethod
    def read(cls, path: Path) -> Cases:
        """Read what `write` wrote."""
        found = load_file(path)
        return cls(found["error"], found["nll"], float(found["ece"]))

    def write(self, path: Path) -> None:
        """Write the numbers of every case, so that a prediction that took long is made once."""
        save_file({"error": self.error, "nll": self.nll, "ece": torch.tensor(self.ece)}, path)

    def numbers(self) -> dict[str, Number]:
        """Return the error in per cent, the NLL in nats and the ECE."""
        return {"error %": Number.mean(self.error), "nll": Number.mean(self.nll), "ece": Number(self.ece)}

    def minus(self, other: Cases) -> dict[str, Number]:
        """Return the paired differences of error and NLL: negative where this one is better."""
        return {"error %": Number.mean(self.error - other.error), "nll": Number.mean(self.nll - other.nll)}
