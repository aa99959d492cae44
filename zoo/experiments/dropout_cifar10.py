"""dropout-cifar10: standard dropout against MC dropout on CIFAR-10."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pyro.distributions as dist
from torch import nn
from torch.utils.data import DataLoader

import guides
from zoo import datasets, likelihoods, networks, priors
from zoo.datasets import Dataset, Split
from zoo.experiments.parts.augment import loader
from zoo.experiments.parts.fast_network import (
    BATCH_SIZE,
    DROPPED,
    PRIOR,
    RATE,
    augmented,
    fast_network,
    sgd,
)
from zoo.experiments.parts.score_panels import draw_scores
from zoo.experiments.parts.weight_averaging import average_weights
from zoo.experiments.running.method import Method
from zoo.experiments.running.run import Experiment, Run
from zoo.likelihoods.likelihood import Likelihood
from zoo.model import BayesianNetwork
from zoo.posterior.posterior import Posterior
from zoo.priors.prior import Prior
from zoo.runtime.programs import PyroProgram

_WIDTH = 192  # of the published networks
_NUM_SAMPLES = 30
_PUBLISHED_NUM_SAMPLES = 100


@dataclass(frozen=True)
class _Errors:
    """Published errors in per cent: of averaged weights, and of averaged predictions (MC)."""

    weights_averaged: float | None
    monte_carlo: float | None

    @property
    def gain(self) -> float | None:
        """The error of averaged predictions minus that of averaged weights."""
        if self.monte_carlo is None or self.weights_averaged is None:
            return None

        return round(self.monte_carlo - self.weights_averaged, 2)


@dataclass(frozen=True)
class _Setup:
    """A network without dropout of its own, how it is fitted, and what was published for it.

    Arguments:
        make_network: Makes the network for the data.
        prior: The prior of its weights.
        layers: Patterns of the weights whose inputs are dropped.
        rate: Probability that a channel is dropped.
        method: How it is fitted.
        augment: Makes batches of augmented images.
        likelihood: The likelihood.
        published: Errors without ("plain") and with augmentation ("augmented").
    """

    make_network: Callable[[Dataset], nn.Module]
    prior: Prior
    layers: Sequence[str]
    rate: float
    method: Method
    augment: Callable[[Split], DataLoader]
    likelihood: Likelihood
    published: Mapping[str, _Errors]


_UNKNOWN = _Errors(None, None)
_QUICK = {
    "FastConvNet": _Setup(
        make_network=fast_network,
        prior=PRIOR,
        layers=DROPPED,
        rate=0.1,
        method=Method(
            epochs=6,
            engine=partial(sgd, warmup=0.25, first=1.0, last=0.0),
            rates=(RATE,),
            batch_size=BATCH_SIZE,
        ),
        augment=augmented,
        likelihood=likelihoods.Categorical(),
        published={"plain": _UNKNOWN, "augmented": _UNKNOWN},
    )
}
_LIKE_PUBLISHED = partial(
    _Setup,
    prior=priors.WeightPrior(dist.Normal(0.0, 0.3)),
    rate=0.5,
    method=Method(epochs=300, batch_size=128),
    augment=loader,
)
_PUBLISHED = {
    "NIN": _LIKE_PUBLISHED(
        make_network=lambda data: networks.NIN(width=_WIDTH, p=0.0),
        layers=("features.8.weight", "features.16.weight"),
        likelihood=likelihoods.Categorical(),
        published={"plain": _Errors(10.43, 10.27), "augmented": _UNKNOWN},
    ),
    "DSN": _LIKE_PUBLISHED(
        make_network=lambda data: networks.DSN(width=_WIDTH, p=0.0),
        layers=("convolutions.1.weight", "convolutions.2.weight"),
        likelihood=likelihoods.DeeplySupervised(0.3),
        published={"plain": _Errors(9.37, 9.32), "augmented": _Errors(7.95, 7.71)},
    ),
}


def _run(run: Run) -> None:
    """Fit with dropout, and compare averaged weights with averaged predictions."""
    data = run.dataset(datasets.cifar10, num_validation=5_000)
    setups = _PUBLISHED if run.full else _QUICK

    for network, setup in setups.items():
        for kind in setup.published:
            _fit_and_compare(run, data, f"{network}, {kind}", setup, kind)

    highlighted = [name for name in run.result.scores if name.endswith("MC")]
    draw_scores(run, highlighted)
    run.report.note("Masks are of whole channels.")
    if not run.full:
        run.report.note(
            "Published are NIN, from 10.43 % with averaged weights to 10.27 % by MC, and DSN with "
            "augmentation, from 7.95 to 7.71 %; `--budget full` fits them."
        )


def _fit_and_compare(
    run: Run, data: Dataset, name: str, setup: _Setup, kind: str
) -> None:
    """Fit one network to images as they are or augmented, and score it in both ways."""
    published = setup.published[kind]
    train = setup.augment(data.train) if kind == "augmented" else None
    build = partial(_build, run, setup, data)
    posterior = run.fit(name, build, data, setup.method, share=0.5, train=train)

    _score(run, name, posterior, data.test, published)
    _compare(run, name, published)


def _build(
    run: Run, setup: _Setup, data: Dataset
) -> tuple[BayesianNetwork, PyroProgram]:
    """Return the network without dropout of its own, and a guide with dropout."""
    network = setup.make_network(data)
    make_guide = partial(guides.MCDropout, p=setup.rate, layers=setup.layers)

    return run.build(network, setup.prior, make_guide, setup.likelihood)


def _score(
    run: Run, fit: str, posterior: Posterior, test: Split, published: _Errors
) -> None:
    """State the errors of averaged weights and of averaged predictions."""
    averaged = average_weights(posterior)
    name = f"{fit}, weights averaged"
    scores = run.scores.add_posterior(name, averaged, test, 1)

    what = f"error, {name}, %"
    run.report.find(what, scores["error %"], published.weights_averaged, headline=True)

    name = f"{fit}, MC"
    num_samples = _PUBLISHED_NUM_SAMPLES if run.full else _NUM_SAMPLES
    scores = run.scores.add_posterior(name, posterior, test, num_samples)

    what = f"error, {name}, %"
    run.report.find(what, scores["error %"], published.monte_carlo, headline=True)


def _compare(run: Run, fit: str, published: _Errors) -> None:
    """State the paired differences of averaged predictions and averaged weights."""
    report = run.report
    gain = run.scores.difference(f"{fit}, MC", f"{fit}, weights averaged")

    what = f"error, {fit}, MC minus weights averaged, %"
    report.find(what, gain["error %"], published.gain, headline=True)

    what = f"NLL, {fit}, MC minus weights averaged, nats"
    report.find(what, gain["nll"], headline=True)


dropout_cifar10 = Experiment(
    name="dropout-cifar10",
    question="is averaging predictions over dropout masks better than averaging weights on "
    "CIFAR-10?",
    reference="Bayesian Convolutional Neural Networks with Bernoulli Approximate Variational "
    "Inference (Gal, Ghahramani, 2016)",
    minutes=15,
    run=_run,
)
