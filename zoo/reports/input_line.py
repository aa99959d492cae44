"""A line through input space, along which one input varies."""

from __future__ import annotations

import torch
from torch import Tensor

from zoo.posterior.posterior import Posterior


def line_through(inputs: Tensor, x: Tensor, feature: int, num: int = 100) -> Tensor:
    """Return inputs (num, D) that differ in one feature, from below the data to above them.

    The line extends half the range of the data to either side.

    Arguments:
        inputs: Inputs of the data (N, D).
        x: The values of the other features (D,).
        feature: Index of the feature that varies.
        num: Number of inputs on the line.
    """
    low = float(inputs[:, feature].min())
    high = float(inputs[:, feature].max())
    margin = 0.5 * (high - low)

    line = x.repeat(num, 1)
    line[:, feature] = torch.linspace(low - margin, high + margin, num)

    return line


def most_uncertain_input(posterior: Posterior, inputs: Tensor) -> Tensor:
    """Return the input (D,) with the largest epistemic uncertainty."""
    epistemic = posterior.predict(inputs).epistemic

    return inputs[int(epistemic.argmax())]


def most_uncertain_feature(posterior: Posterior, inputs: Tensor, x: Tensor) -> int:
    """Return the feature along whose line through x the epistemic uncertainty is largest."""
    means = []
    for feature in range(inputs.shape[1]):
        line = line_through(inputs, x, feature)
        epistemic = posterior.predict(line).epistemic
        means.append(epistemic.mean())

    return int(torch.stack(means).argmax())
