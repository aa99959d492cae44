"""The convolutional network of the talk by Romijnders (2019), fitted as a posterior and by MAP."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import pyro.distributions as dist
from torch import nn

import guides
from zoo import priors
from zoo.datasets import Dataset
from zoo.experiments.running.contestant import MakeGuide
from zoo.experiments.running.method import Method
from zoo.experiments.running.run import Run
from zoo.inference import SVI
from zoo.model import BayesianNetwork
from zoo.posterior.posterior import Posterior
from zoo.runtime.programs import PyroProgram

CHANNELS = (40, 66, 43)
PUBLISHED_CHANNELS = (120, 200, 130)

_HALF = partial(SVI, precision="bf16")
MNIST_METHOD = Method(epochs=8, engine=_HALF, published_epochs=30)
LOCAL_REPARAM = partial(guides.LocalReparam, init_scale=0.02)


def fit_talk_network(
    run: Run,
    data: Dataset,
    method: Method,
    *,
    posterior: Method | None = None,
    make_guide: MakeGuide = LOCAL_REPARAM,
    make_network: Callable[[], nn.Module] | None = None,
) -> dict[str, Posterior]:
    """Return two fits of the network, "posterior" and "MAP", with the whole budget.

    A full run has the published number of channels.

    References:
        Bayesian deep learning with 10 % of the weights (Romijnders, 2019), a talk

    Arguments:
        run: The run.
        data: The data, images or series.
        method: How both are fitted.
        posterior: How the posterior is fitted, if it is in another way.
        make_guide: Makes the guide of the posterior.
        make_network: Makes another network.
    """
    if make_network is None:
        channels = PUBLISHED_CHANNELS if run.full else CHANNELS
        make_network = partial(_make_network, data, channels)

    fits = {}
    build = partial(_build, run, make_network, make_guide)
    fits["posterior"] = run.fit(
        "posterior", build, data, posterior or method, share=0.7
    )

    build = partial(_build, run, make_network, guides.Delta)
    fits["MAP"] = run.fit("MAP", build, data, method, share=0.3)

    return fits


def _build(
    run: Run, make_network: Callable[[], nn.Module], make_guide: MakeGuide
) -> tuple[BayesianNetwork, PyroProgram]:
    """Return the model and a guide."""
    weight = dist.Normal(0.0, 1.0)
    prior = priors.WeightPrior(weight)

    return run.build(make_network(), prior, make_guide)


def _make_network(data: Dataset, channels: Sequence[int]) -> nn.Module:
    """Return convolutions of size 6 and stride 2 with SELUs, and a linear layer.

    The convolutions have two dimensions for images and one for series.
    """
    num_in, *sides = data.train.x.shape[1:]
    convolution = nn.Conv2d if len(sides) == 2 else nn.Conv1d

    layers: list[nn.Module] = []
    for num_out in channels:
        layer = convolution(num_in, num_out, 6, stride=2, padding=2)
        layers += [layer, nn.SELU()]
        num_in = num_out
        sides = [side // 2 for side in sides]

    num_features = num_in * math.prod(sides)
    largest_class = int(data.train.y.max())

    last = nn.Linear(num_features, largest_class + 1)
    layers += [nn.Flatten(), last]

    return nn.Sequential(*layers)
