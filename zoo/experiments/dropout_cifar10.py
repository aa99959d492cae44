"""dropout-nin-cifar10, dropout-dsn-cifar10: standard dropout against MC dropout on CIFAR-10."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pyro.distributions as dist
from torch import nn

import guides
from zoo import datasets, likelihoods, networks, priors
from zoo.datasets import Split
from zoo.experiments.parts.augment import loader
from zoo.experiments.parts.score_panels import draw_scores
from zoo.experiments.parts.weight_averaging import average_weights
from zoo.experiments.running.method import Method
from zoo.experiments.running.run import Experiment, Run
from zoo.likelihoods.likelihood import Likelihood
from zoo.model import BayesianNetwork
from zoo.posterior.posterior import Posterior
from zoo.runtime.programs import PyroProgram

_WIDTH = 48
_PUBLISHED_WIDTH = 192
_NUM_SAMPLES = 30
_PUBLISHED_NUM_SAMPLES = 100
_RATE = 0.5
_METHOD = Method(epochs=300, batch_size=128)


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
    """A network, and what was published for it.

    Arguments:
        make_network: Makes the network; takes its width and its own rate of dropout.
        layers: Patterns of the weights whose inputs are dropped.
        likelihood: The likelihood.
        published: Errors without ("plain") and with augmentation ("augmented").
    """

    make_network: Callable[..., nn.Module]
    layers: Sequence[str]
    likelihood: Likelihood
    published: Mapping[str, _Errors]


_NIN = _Setup(
    make_network=networks.NIN,
    layers=("features.8.weight", "features.16.weight"),
    likelihood=likelihoods.Categorical(),
    published={"plain": _Errors(10.43, 10.27), "augmented": _Errors(None, None)},
)
_DSN = _Setup(
    make_network=networks.DSN,
    layers=("convolutions.1.weight", "convolutions.2.weight"),
    likelihood=likelihoods.DeeplySupervised(0.3),
    published={"plain": _Errors(9.37, 9.32), "augmented": _Errors(7.95, 7.71)},
)


def _run_network(run: Run, setup: _Setup) -> None:
    """Fit with dropout, and compare averaged weights with averaged predictions."""
    data = run.dataset(datasets.cifar10, num_validation=5_000)

    width = _PUBLISHED_WIDTH if run.full else _WIDTH
    num_samples = _PUBLISHED_NUM_SAMPLES if run.full else _NUM_SAMPLES

    build = partial(_build, run, setup, width)
    share = 1 / len(setup.published)

    for kind, published in setup.published.items():
        train = loader(data.train) if kind == "augmented" else None
        posterior = run.fit(kind, build, data, _METHOD, share=share, train=train)
        _score(run, kind, posterior, data.test, num_samples, published)
        _compare(run, kind, published)

    report = run.report
    report.note(
        f"The network's width is {width}, published {_PUBLISHED_WIDTH}; MC averages {num_samples} "
        f"draws, {_PUBLISHED_NUM_SAMPLES}."
    )
    report.note("Masks are of whole channels.")
    highlighted = [name for name in run.result.scores if name.endswith("MC")]
    draw_scores(run, highlighted)


def _build(run: Run, setup: _Setup, width: int) -> tuple[BayesianNetwork, PyroProgram]:
    """Return the network without dropout of its own, and a guide with dropout."""
    network = setup.make_network(width=width, p=0.0)
    weight = dist.Normal(0.0, 0.3)
    prior = priors.WeightPrior(weight)
    make_guide = partial(guides.MCDropout, p=_RATE, layers=setup.layers)

    return run.build(network, prior, make_guide, setup.likelihood)


def _score(
    run: Run,
    kind: str,
    posterior: Posterior,
    test: Split,
    num_samples: int,
    published: _Errors,
) -> None:
    """State the errors of averaged weights and of averaged predictions."""
    averaged = average_weights(posterior)
    name = f"{kind}, weights averaged"
    scores = run.scores.add_posterior(name, averaged, test, 1)

    what = f"error, {name}, %"
    run.report.find(what, scores["error %"], published.weights_averaged)

    name = f"{kind}, MC"
    scores = run.scores.add_posterior(name, posterior, test, num_samples)

    what = f"error, {name}, %"
    run.report.find(what, scores["error %"], published.monte_carlo)


def _compare(run: Run, kind: str, published: _Errors) -> None:
    """State the paired differences of averaged predictions and averaged weights."""
    report = run.report
    gain = run.scores.difference(f"{kind}, MC", f"{kind}, weights averaged")

    what = f"error, {kind}, MC minus weights averaged, %"
    report.find(what, gain["error %"], published.gain, headline=True)

    what = f"NLL, {kind}, MC minus weights averaged, nats"
    report.find(what, gain["nll"], headline=True)


def _run_nin(run: Run) -> None:
    """Run network in network."""
    _run_network(run, _NIN)


def _run_dsn(run: Run) -> None:
    """Run the deeply-supervised net."""
    _run_network(run, _DSN)


_REFERENCE = (
    "Bayesian Convolutional Neural Networks with Bernoulli Approximate Variational Inference "
    "(Gal, Ghahramani, 2016)"
)
_QUESTION = (
    "is averaging predictions over dropout masks better than averaging weights, for {} on "
    "CIFAR-10?"
)

dropout_nin_cifar10 = Experiment(
    name="dropout-nin-cifar10",
    question=_QUESTION.format("network in network"),
    reference=_REFERENCE,
    minutes=40,
    run=_run_nin,
)
dropout_dsn_cifar10 = Experiment(
    name="dropout-dsn-cifar10",
    question=_QUESTION.format("a deeply-supervised net"),
    reference=_REFERENCE,
    minutes=40,
    run=_run_dsn,
)
