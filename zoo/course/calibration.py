"""Exercises on calibration, its error, and temperatures."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from zoo.course.check import compared


def gap(answer: Callable[[Tensor, Tensor], Tensor]) -> str | None:
    """Check a function that returns the mean confidence minus the accuracy, a scalar."""
    generator = torch.Generator().manual_seed(0)
    probs = (3 * torch.randn(200, 5, generator=generator)).softmax(-1)
    y = torch.randint(5, (200,), generator=generator)
    is_right = probs.argmax(-1) == y
    accuracy = is_right.double().mean()
    confidence = probs.amax(-1).mean()
    of_labels = probs.gather(-1, y[:, None]).mean()

    found = torch.as_tensor(answer(probs, y))
    if found.dim() > 0:
        return "one number: average over the data"

    mistakes = {
        "the other way round: positive if the forecast is too sure": accuracy
        - confidence,
        "subtract the accuracy, not the error": confidence - (1 - accuracy),
        "the confidence is the largest probability, not that of the label": of_labels
        - accuracy,
        "the mean over the classes is 1 / O; take the largest": probs.mean() - accuracy,
        "this is the mean confidence; subtract the accuracy": confidence,
    }
    otherwise = (
        "the mean of the largest probability, less how often its class is the label"
    )
    return compared(found, confidence - accuracy, mistakes, otherwise)


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
