"""Exercises on calibration, its error, and temperatures."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from zoo.course.check import compared


def ece(answer: Callable[[Tensor, Tensor, Tensor], Tensor]) -> str | None:
    """Check a function of a reliability diagram that returns the calibration error, a scalar."""
    nothing = math.nan
    confidence = torch.tensor([nothing, 0.3, 0.5, 0.7, 0.9])
    accuracy = torch.tensor([nothing, 0.5, 0.4, 0.75, 0.6])
    count = torch.tensor([0, 10, 30, 20, 140])
    gaps = (accuracy - confidence)[1:]
    share = count[1:] / count.sum()
    right = (share * gaps.abs()).sum()

    found = torch.as_tensor(answer(confidence, accuracy, count))
    if found.dim() > 0:
        return "one number: add up the bins"
    if found.isnan():
        return "an empty bin has no confidence and no accuracy (NaN), and no weight"

    mistakes = {
        "bins count by their number of data": gaps.abs().mean(),
        "take the absolute value in every bin, not at the end": (share * gaps)
        .sum()
        .abs(),
        "take the absolute value in every bin": (share * gaps).sum(),
        "take the absolute value in every bin, and accuracy minus confidence": -(
            share * gaps
        ).sum(),
        "divide by the number of data": (count[1:] * gaps.abs()).sum(),
        "absolute values, not squares": (share * gaps.square()).sum(),
    }
    otherwise = (
        "the sum over the bins of their share of the data times |accuracy - confidence|"
    )
    return compared(found, right, mistakes, otherwise)


def bias(answer: float) -> str | None:
    """Check the expected calibration error of a perfect forecast in one bin."""
    mean_size = math.sqrt(2 / math.pi)  # of a standard normal number
    std = math.sqrt(0.8 * 0.2 / 100)
    mistakes = {
        "the accuracy of 100 inputs is not exactly 0.8": 0.0,
        "this is the standard deviation of the accuracy; take the mean of |z|": std,
        "this is the variance of the accuracy": std**2,
        "this is for one input: divide by the root of 100": mean_size * 0.4,
        "a standard deviation falls as 1 / √N, not as 1 / N": mean_size * 0.004,
        "the variance of one input is p (1 - p); take its root": mean_size * 0.016,
    }
    otherwise = "the standard deviation of the accuracy, times the mean of |z|"
    return compared(float(answer), mean_size * std, mistakes, otherwise, 3e-2)


def temperature(answer: float) -> str | None:
    """Check the temperature at which the logits (3, 0) say three quarters."""
    right = 3 / math.log(3)
    mistakes = {
        "logits are divided by T, not multiplied": 1 / right,
        "at T = 1 the network is 95 % sure": 1.0,
        "the logit of 3/4 is ln(0.75 / 0.25), not ln 0.75": -3 / math.log(0.75),
        "this is the logit of 3/4; which T makes it of 3?": math.log(3),
        "three of four are odds of 3 to 1, not of 4 to 1": 3 / math.log(4),
    }
    otherwise = "solve 1 / (1 + exp(-3 / T)) = 3/4"
    return compared(float(answer), right, mistakes, otherwise, 1e-2)


def cold(answer: float) -> str | None:
    """Check the standard deviation of a normal posterior of 3 at the temperature 1/4."""
    std, temperature = 3.0, 0.25
    mistakes = {
        "the temperature multiplies the variance": std * temperature,
        "this is the variance": std**2 * temperature,
        "a cold posterior is narrower": std / temperature**0.5,
        "the mean stays, but not the standard deviation": std,
    }
    otherwise = "raise the density exp(-z² / 2s²) to the power 1 / T"
    right = std * temperature**0.5
    return compared(float(answer), right, mistakes, otherwise, 1e-2)
