"""Data with a long tail, the network for each, and how its posteriors are fitted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import pyro.distributions as dist
from torch import nn

import guides
from zoo import datasets, likelihoods, networks, priors
from zoo.data import Data, balanced_loader, balanced_sampler, class_weights
from zoo.datasets import Dataset, Split
from zoo.experiments.parts.augment import resized
from zoo.experiments.parts.fast_network import augmented, fast_network, sgd
from zoo.experiments.running.contestant import Contestant, no_guide
from zoo.experiments.running.method import Method
from zoo.experiments.running.run import Run
from zoo.inference import SGHMC, SVI, SWAG
from zoo.likelihoods.likelihood import Likelihood
from zoo.priors.prior import Prior

RATIO = 100.0
BETA = 0.999  # of the effective numbers
BATCH_SIZE = 128
SIZE = 24  # height and width of images of CIFAR-10
RE_SAMPLED, RE_WEIGHTED, LOGIT_ADJUSTED = "re-sampled", "re-weighted", "logit-adjusted"

_NUM_ASIDE = 5_000  # images for validation


@dataclass(frozen=True)
class TailSetting:
    """A data set with a long tail, and how networks are fitted to it.

    Arguments:
        load: Loads the data set, as it is without a tail or with one of its own.
        has_tail: Whether it has a tail already; else it is thinned.
        make_network: Makes the network for the data.
        prior: The prior of its weights.
        method: How a point estimate is fitted.
        posteriors: Posteriors that start at the point estimate, by name.
        share: Share of the budget of a point estimate; each posterior has as much.
        augments: Whether images are mirrored and shifted.
    """

    load: Callable[[Run], Dataset]
    has_tail: bool
    make_network: Callable[[Dataset], nn.Module]
    prior: Prior
    method: Method
    posteriors: Mapping[str, Contestant]
    share: float
    augments: bool = False

    def tail_of(self, data: Dataset) -> Dataset:
        """Return the data with a tail."""
        return data if self.has_tail else datasets.long_tailed(data, RATIO)

    def even_of(self, data: Dataset) -> Dataset | None:
        """Return as many data with classes of equal size; None if the tail is of the data."""
        if self.has_tail:
            return None

        number = len(self.tail_of(data).train.y)
        num_classes = len(data.classes or ())

        return datasets.long_tailed(data, 1.0, largest=number // num_classes)

    def train(self, part: Split, change: str = "") -> Data:
        """Return the training data as they are fitted, with classes that are changed or not.

        Arguments:
            part: The training part.
            change: How classes are made equal, if they are.
        """
        is_sampled = change == RE_SAMPLED
        if self.augments:
            sampler = balanced_sampler(part.y) if is_sampled else None
            return augmented(part, BATCH_SIZE, sampler)

        return balanced_loader(part, BATCH_SIZE) if is_sampled else part


def likelihood_of(part: Split, change: str = "") -> Likelihood:
    """Return the likelihood of a training part, whose classes are made equal or not."""
    if change == LOGIT_ADJUSTED:
        return likelihoods.LogitAdjusted(part.y.bincount())

    if change == RE_WEIGHTED:
        return likelihoods.Categorical(class_weight=class_weights(part.y, BETA))

    return likelihoods.Categorical()


def _method(
    epochs: float, engine: Callable[..., object], rate: float, least: float = 1
) -> Method:
    """Return a method with one learning rate."""
    return Method(
        epochs, engine, rates=(rate,), batch_size=BATCH_SIZE, min_epochs=least
    )


def _series_network(data: Dataset) -> nn.Module:
    """Return two convolutions of series of 140 samples, and a linear layer."""
    return nn.Sequential(
        nn.Conv1d(1, 8, 7, stride=2),
        nn.ReLU(),
        nn.Conv1d(8, 16, 7, stride=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(496, len(data.classes or ())),
    )


def _local(prior: Prior, epochs: float) -> Contestant:
    """Return a mean field by local reparameterisation."""
    make = partial(guides.LocalReparam, init_scale=0.01)
    return Contestant(prior, make, _method(epochs, SVI, 1e-3))


def _chains(prior: Prior, epochs: float, **options: object) -> Contestant:
    """Return draws by SGHMC."""
    engine = partial(SGHMC, compile=False, **options)
    return Contestant(prior, no_guide, _method(epochs, engine, 0.02, least=4))


def _small_photographs(run: Run) -> Dataset:
    """Return CIFAR-10 with smaller images, on which a step takes half the time."""
    data = run.dataset(datasets.cifar10, num_validation=_NUM_ASIDE)
    parts = {
        name: resized(getattr(data, name), SIZE)
        for name in ("train", "test", "validation")
    }

    return replace(data, **parts)


_DIGITS = priors.WeightPrior(dist.Normal(0.0, 0.1))
_PHOTOGRAPHS = priors.WeightPrior(
    priors.all_but_normalisation(dist.Normal(0.0, 0.3), otherwise=priors.Point())
)
_BEATS = priors.WeightPrior(dist.Normal(0.0, 0.3))
_SCALES = Contestant(
    _PHOTOGRAPHS,
    partial(guides.MeanField, init_scale=0.001),
    _method(2, partial(SVI, scales_only=True, precision="bf16"), 5e-4, 0.1),
)
_AVERAGE = Contestant(
    _PHOTOGRAPHS,
    partial(guides.LowRank, rank=10, per="all"),
    _method(5, partial(SWAG, burn_in=1, points=20, rank=10, precision="bf16"), 0.02, 2),
)
_MEAN_FIELD = "mean field"

SETTINGS = {
    "MNIST-LT": TailSetting(
        load=lambda run: run.dataset(datasets.mnist, num_validation=_NUM_ASIDE),
        has_tail=False,
        make_network=lambda data: networks.LeNet5(),
        prior=_DIGITS,
        method=_method(15, SVI, 3e-3),
        posteriors={_MEAN_FIELD: _local(_DIGITS, 15), "SGHMC": _chains(_DIGITS, 20)},
        share=0.025,
    ),
    "CIFAR10-LT": TailSetting(
        load=_small_photographs,
        has_tail=False,
        make_network=fast_network,
        prior=_PHOTOGRAPHS,
        method=_method(14, partial(sgd, warmup=0.25, first=1.0, last=0.0), 0.4),
        posteriors={_MEAN_FIELD: _SCALES, "SWAG": _AVERAGE},
        share=0.095,
        augments=True,
    ),
    "ECG5000": TailSetting(
        load=lambda run: run.dataset(datasets.ecg5000, num_validation=100),
        has_tail=True,
        make_network=_series_network,
        prior=_BEATS,
        method=_method(150, SVI, 3e-3),
        posteriors={
            _MEAN_FIELD: _local(_BEATS, 300),
            "SGHMC": _chains(_BEATS, 600, thinning=10),
        },
        share=0.007,
    ),
}
