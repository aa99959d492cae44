"""bayes-lenet-mnist, bayes-cifar10: Bayes by Backprop for convolutional networks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from torch import nn

import guides
from zoo import datasets, metrics, networks
from zoo.datasets import Dataset
from zoo.experiments.parts.fast_network import PRIOR, fast_network
from zoo.experiments.parts.uncertainty_curve import (
    UncertaintyPoint,
    draw_uncertainty_curve,
)
from zoo.experiments.running.contestant import MakeGuide
from zoo.experiments.running.method import Method
from zoo.experiments.running.run import Experiment, Run
from zoo.experiments.running.scores import Number
from zoo.experiments.running.seeded_fits import Build
from zoo.inference import SVI
from zoo.model import BayesianNetwork
from zoo.posterior.posterior import Posterior
from zoo.predictive.prediction import Prediction
from zoo.runtime.programs import PyroProgram

_NUM_SAMPLES = 25  # as published
_EPOCHS = 100  # as published
_METHOD = Method(
    epochs=10,
    engine=partial(SVI, precision="bf16"),
    batch_size=256,
    published_epochs=_EPOCHS,
)
_PHASES = (0.1, 0.3)  # parts of the epochs for which the network is also fitted


def _run_network(
    run: Run,
    data: Dataset,
    make_network: Callable[[], nn.Module],
    published: UncertaintyPoint,
    published_twin_error: float,
) -> None:
    """Fit for all epochs and for two parts of them, and fit the frequentist twin.

    The frequentist twin is the same network with the same prior, fitted by MAP.

    Arguments:
        run: The run.
        data: The data.
        make_network: Makes the network.
        published: The published fit by Bayes by Backprop.
        published_twin_error: The published error of the frequentist twin in per cent.
    """
    make_guide = partial(guides.LocalReparam, init_scale=0.02)
    build = partial(_build, run, make_network, make_guide)
    posterior = run.fit("Bayesian", build, data, _METHOD, share=0.45)
    prediction = _predict_and_score(run, "Bayesian", posterior, data)

    points = []
    for phase in _PHASES:
        point = _fit_phase(run, data, build, phase)
        points.append(point)

    points.append(_make_point(run, "Bayesian", prediction))
    rows = [point.row() for point in points]
    run.report.tabulate("over epochs", rows)

    build = partial(_build, run, make_network, guides.Delta)
    twin = run.fit("frequentist", build, data, _METHOD, share=0.35)
    scores = run.scores.add_posterior("frequentist", twin, data.test, 1)

    _report_errors(run, published.error, published_twin_error)
    _report_uncertainties(run, prediction, published)

    twin_error = scores["error %"].value
    twin_point = (_num_epochs(run, "frequentist"), twin_error)
    draw_uncertainty_curve(run.report, points, published, twin_point)


def _build(
    run: Run, make_network: Callable[[], nn.Module], make_guide: MakeGuide
) -> tuple[BayesianNetwork, PyroProgram]:
    """Return the model and a guide."""
    network = make_network()
    return run.build(network, PRIOR, make_guide)


def _fit_phase(run: Run, data: Dataset, build: Build, phase: float) -> UncertaintyPoint:
    """Fit for a part of the epochs, at the same learning rate and without a time limit."""
    name = f"Bayesian, {phase:.0%} of the epochs"
    plan = run.result.fits["Bayesian"]["plan"]
    method = replace(
        _METHOD,
        epochs=phase * plan["epochs"],
        published_epochs=None,
        rates=(plan["rate"],),
        min_epochs=0.0,
    )
    posterior = run.fit(name, build, data, method, share=math.inf)
    prediction = _predict_and_score(run, name, posterior, data)

    return _make_point(run, name, prediction)


def _predict_and_score(
    run: Run, name: str, posterior: Posterior, data: Dataset
) -> Prediction:
    """Return the prediction for the test part, after scoring it."""
    x, y = data.test
    prediction = posterior.predict(x, num_samples=_NUM_SAMPLES, progress=run.progress)
    run.scores.add(name, lambda: prediction, y)

    return prediction


def _make_point(run: Run, name: str, prediction: Prediction) -> UncertaintyPoint:
    """Return epochs, error and uncertainties of a fit."""
    epochs = _num_epochs(run, name)
    error = run.scores[name]["error %"]
    variances = _split_variance(prediction)
    aleatoric = variances["aleatoric"]
    epistemic = variances["epistemic"]

    return UncertaintyPoint(epochs, error.value, aleatoric.value, epistemic.value)


def _num_epochs(run: Run, name: str) -> float:
    """Return the number of epochs of a fit."""
    return run.result.fits[name]["plan"]["epochs"]


def _split_variance(prediction: Prediction) -> dict[str, Number]:
    """Return the two variances of Kwon et al., summed over classes and averaged over images."""
    epistemic, aleatoric = metrics.variance_split(prediction.functions)

    return {"aleatoric": Number.mean(aleatoric), "epistemic": Number.mean(epistemic)}


def _report_errors(run: Run, published: float, published_twin: float) -> None:
    """State the errors of both fits in per cent, and their differences."""
    report = run.report
    published_errors = {"Bayesian": published, "frequentist": published_twin}

    for name, theirs in published_errors.items():
        ours = run.scores[name]["error %"]
        report.find(f"error, {name}, %", ours, theirs, headline=True)

    gain = run.scores.difference("Bayesian", "frequentist")
    difference = published - published_twin
    report.find("error, Bayesian minus frequentist, %", gain["error %"], difference)
    report.find("NLL, Bayesian minus frequentist, nats", gain["nll"])


def _report_uncertainties(
    run: Run, prediction: Prediction, published: UncertaintyPoint
) -> None:
    """State the aleatoric and the epistemic uncertainty, as variances and in nats."""
    report = run.report

    for kind, ours in _split_variance(prediction).items():
        what = f"{kind} uncertainty, a variance"
        theirs = getattr(published, kind)
        report.find(what, ours, theirs, headline=True)

    aleatoric = Number.mean(prediction.aleatoric)
    epistemic = Number.mean(prediction.epistemic)
    report.find("aleatoric uncertainty, nats", aleatoric)
    report.find("epistemic uncertainty, nats", epistemic)


def _run_lenet(run: Run) -> None:
    """Run LeNet-5 on MNIST."""
    data = run.dataset(datasets.mnist, num_validation=5_000)

    make_network = partial(networks.LeNet5, activation=nn.Softplus)
    published = UncertaintyPoint(_EPOCHS, 2.0, aleatoric=0.0096, epistemic=0.0026)

    _run_network(run, data, make_network, published, published_twin_error=2.0)


def _run_cifar10(run: Run) -> None:
    """Run a fast network on CIFAR-10, and in a full run AlexNet."""
    data = run.dataset(datasets.cifar10, num_validation=5_000)

    make_network: Callable[[], nn.Module] = partial(fast_network, data)
    if run.full:
        make_network = partial(networks.AlexNet, activation=nn.Softplus)

    published = UncertaintyPoint(_EPOCHS, 27.0, aleatoric=0.1920, epistemic=0.0404)

    _run_network(run, data, make_network, published, published_twin_error=27.0)
    run.report.note(
        "The published errors are AlexNet's, with which others reached 39 %, and the published "
        "variances LeNet-5's on CIFAR-10."
    )


_REFERENCE = (
    "A Comprehensive guide to Bayesian Convolutional Neural Network with Variational Inference "
    "(Shridhar, Laumann, Liwicki, 2019)"
)
_QUESTION = (
    "is Bayes by Backprop as accurate as its twin on {}, and how large are its aleatoric "
    "and epistemic uncertainty?"
)

bayes_lenet_mnist = Experiment(
    name="bayes-lenet-mnist",
    question=_QUESTION.format("MNIST"),
    reference=_REFERENCE,
    minutes=24,
    run=_run_lenet,
)
bayes_cifar10 = Experiment(
    name="bayes-cifar10",
    question=_QUESTION.format("CIFAR-10"),
    reference=_REFERENCE,
    minutes=15,
    run=_run_cifar10,
)
