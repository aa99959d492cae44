"""dropout-lenet-mnist: LeNet with dropout at no, one or all layers, averaged in two ways."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pyro.distributions as dist

import guides
from zoo import datasets, networks, priors
from zoo.datasets import Dataset, Split
from zoo.experiments.parts.element_masks import predict_by_elements
from zoo.experiments.parts.weight_averaging import average_weights
from zoo.experiments.running.contestant import MakeGuide
from zoo.experiments.running.method import Method
from zoo.experiments.running.run import Experiment, Run
from zoo.inference import SVI
from zoo.model import BayesianNetwork
from zoo.runtime.programs import PyroProgram

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LAYERS = {  # patterns of the weights whose inputs are dropped
    "none": [],
    "ip": ["classifier.5*weight"],
    "all": ["features.3*weight", "classifier.2*weight", "classifier.5*weight"],
}
_LABELS = {
    "none": "no dropout",
    "ip": "at the inner product",
    "all": "at all layers",
}
_PUBLISHED_MC_ERROR = 0.5  # at all layers, read off a figure; others are curves only
_PARTS = {"a quarter": 0.3, "all images": 0.7}  # their shares of the budget
_SHARES = {"none": 0.2, "ip": 0.2, "all": 0.6}  # of the budget of a part
_RATE = 0.5
_HALF = partial(SVI, precision="bf16")
_METHOD = Method(  # 1e7 steps of 64 images were published
    epochs=12, engine=_HALF, batch_size=256, published_epochs=1_000
)
_LONGER = replace(_METHOD, epochs=100, rates=(3e-3,))  # it learns more slowly
_NUM_SAMPLES = 50


def _run(run: Run) -> None:
    """Fit each network on all images and on a quarter, and average weights or predictions."""
    whole = run.dataset(datasets.mnist, num_validation=5_000)

    x, y = whole.train
    every_fourth = Split(x[::4], y[::4])
    quarter = replace(whole, train=every_fourth)

    for part, share in _PARTS.items():
        data = whole if part == "all images" else quarter

        for place in _LAYERS:
            _fit_and_score(run, data, part, place, share * _SHARES[place])

        _compare(run, part)

    _draw_figure(run)
    run.report.note(
        f"Predictions are averaged over {_NUM_SAMPLES} masks of every element of a layer's input, "
        "in the fit and in the prediction."
    )
    run.report.note(
        "The rate 3e-3 of dropout at all layers has a lower validation error than 1e-2 after 44 "
        "epochs on a quarter of the images; trials of a few epochs prefer 1e-2."
    )


def _build(run: Run, place: str) -> tuple[BayesianNetwork, PyroProgram]:
    """Return LeNet, and a guide with dropout at some layers."""
    prior = priors.WeightPrior(dist.Normal(0.0, 0.3))
    make_guide: MakeGuide = guides.Delta
    if place != "none":
        make_guide = partial(
            guides.MCDropout, p=_RATE, layers=_LAYERS[place], masks="element"
        )

    return run.build(networks.LeNet(), prior, make_guide)


def _method(run: Run, part: str, place: str) -> Method:
    """Return the method of a fit; the quarter of the images chooses the rate for all of them."""
    method = _LONGER if place == "all" else _METHOD
    if part == "a quarter":
        return method

    plan = run.result.fits[f"a quarter, {place}"]["plan"]
    return replace(method, rates=(plan["rate"],))


def _fit_and_score(
    run: Run, data: Dataset, part: str, place: str, share: float
) -> None:
    """Fit one network, and score averaged weights and, after dropout, averaged predictions."""
    name = f"{part}, {place}"
    build = partial(_build, run, place)
    posterior = run.fit(name, build, data, _method(run, part, place), share=share)
    has_dropout = place != "none"

    is_headline = place == "all"

    averaged = posterior
    if has_dropout:
        averaged = average_weights(posterior)

    key = f"{name}, weights averaged"
    scores = run.scores.add_posterior(key, averaged, data.test, 1)

    what = f"error, {key}, %"
    run.report.find(what, scores["error %"], headline=is_headline)

    if not has_dropout:
        return

    published = None
    if part == "all images" and place == "all":
        published = _PUBLISHED_MC_ERROR

    key = f"{name}, MC"
    predict = partial(predict_by_elements, posterior, data.test.x, _NUM_SAMPLES)
    scores = run.scores.add(key, predict, data.test.y)

    what = f"error, {key}, %"
    run.report.find(what, scores["error %"], published, headline=is_headline)


def _compare(run: Run, part: str) -> None:
    """State the paired differences of averaged predictions and averaged weights."""
    scores = run.scores
    monte_carlo = f"{part}, all, MC"

    gain = scores.difference(monte_carlo, f"{part}, all, weights averaged")

    what = f"{part}: error of MC minus averaged weights, dropout at all layers, %"
    run.report.find(what, gain["error %"], "below 0")

    gain = scores.difference(monte_carlo, f"{part}, ip, weights averaged")

    what = f"{part}: error of MC at all layers minus standard dropout, %"
    run.report.find(what, gain["error %"], "below 0", headline=True)


def _draw_figure(run: Run) -> None:
    """Draw the test errors with two standard errors."""
    with run.report.panels(columns=2, title="LeNet on MNIST", share="row") as axes:
        for ax, part in zip(axes[0], _PARTS, strict=True):
            _draw_errors(run, ax, part)

        axes[0, 0].invert_yaxis()


def _draw_errors(run: Run, ax: Axes, part: str) -> None:
    """Draw a bar for each network and for each way to average, of one part of the images."""
    from zoo.plots.canvas import COLORS

    for name, scores in run.result.scores.items():
        if not name.startswith(part):
            continue

        _, place, average = name.split(", ")
        label = f"{_LABELS[place]}, {average}"
        color = COLORS[1] if average == "MC" else COLORS[0]
        error = scores["error %"]
        ax.barh(label, error.value, xerr=error.two_errors, color=color)

    ax.set(title=part, xlabel="test error ± 2 standard errors, %")


dropout_lenet_mnist = Experiment(
    name="dropout-lenet-mnist",
    question="is averaging predictions over dropout masks better than averaging weights, with "
    "dropout at one layer and at all layers?",
    reference="Bayesian Convolutional Neural Networks with Bernoulli Approximate Variational "
    "Inference (Gal, Ghahramani, 2016)",
    minutes=45,
    run=_run,
)
