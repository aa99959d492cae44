"""How high the training loss is half way between two weight vectors of one network."""

from __future__ import annotations

from zoo import landscape
from zoo.datasets import Split
from zoo.experiments.parts.augment import loader
from zoo.landscape.points.ends import End


def rise_half_way(a: End, b: End, train: Split) -> float:
    """Return the training loss half way between two weight vectors, minus the mean of their own.

    All three have the statistics of the same augmented images. In one basin it is about
    zero, or below.

    References:
        Linear Mode Connectivity and the Lottery Ticket Hypothesis (Frankle, Dziugaite,
        Roy, Carbin, 2020)

    Arguments:
        a: A posterior, which stands for its mean, or weights by name.
        b: A posterior or weights.
        train: Images, which are mirrored and shifted once.
    """
    (batch,) = loader(train, len(train.x))
    first, middle, last = landscape.line(a, b, tuple(batch), num_points=3).loss

    return float(middle - (first + last) / 2)
