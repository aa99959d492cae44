"""The convolutional network of the talk by Romijnders (2019), which three experiments prune or test."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pyro.distributions as dist
from torch import nn

from zoo import priors
from zoo.datasets import Dataset
from zoo.experiments.contestant import MakeGuide
from zoo.experiments.run import Run
from zoo.model import BayesianNetwork
from zoo.runtime.programs import PyroProgram

CHANNELS = (40, 66, 43)
PUBLISHED_CHANNELS = (120, 200, 130)


def build_talk_network(
    run: Run, data: Dataset, make_guide: MakeGuide
) -> tuple[BayesianNetwork, PyroProgram]:
    """Return the model of the talk, with the published channels in a full run, and a guide.

    References:
        Bayesian deep learning with 10 % of the weights (Romijnders, 2019), a talk
    """
    channels = PUBLISHED_CHANNELS if run.full else CHANNELS
    network = _make_network(data, channels)
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    return run.build(network, prior, make_guide)


def _make_network(data: Dataset, channels: Sequence[int]) -> nn.Module:
    """Return convolutions of size 6 and stride 2 with SELUs, and a linear layer.

    The convolutions have two dimensions for images and one for series.
    """
    num_in, *sides = data.train.x.shape[1:]
    convolution = nn.Conv2d if len(sides) == 2 else nn.Conv1d

    layers: list[nn.Module] = []
    for num_out in channels:
        layers.append(convolution(num_in, num_out, 6, stride=2, padding=2))
        layers.append(nn.SELU())
        num_in = num_out
        sides = [side // 2 for side in sides]

    num_features = num_in * math.prod(sides)
    num_classes = int(data.train.y.max()) + 1
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(num_features, num_classes))
