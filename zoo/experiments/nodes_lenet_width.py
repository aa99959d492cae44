"""nodes-lenet-width: LeNets of growing width with random weights or random nodes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import pyro.distributions as dist

import guides
from zoo import datasets, networks, priors
from zoo.datasets import Dataset
from zoo.experiments.running.contestant import Contestant
from zoo.experiments.running.method import Method
from zoo.experiments.running.run import Experiment, Run
from zoo.model import BayesianNetwork
from zoo.runtime.programs import PyroProgram

_WEIGHT = dist.Normal(0.0, 0.3)
_NODE = dist.Normal(1.0, 0.3)
_METHOD = Method(epochs=300, rates=(1e-3,), batch_size=128)
_CONTESTANTS = {
    "deterministic": Contestant(priors.WeightPrior(_WEIGHT), guides.Delta, _METHOD),
    "random weights": Contestant(
        priors.WeightPrior(_WEIGHT),
        partial(guides.LocalReparam, init_scale=0.02),
        _METHOD,
    ),
    "random nodes": Contestant(
        priors.NodePrior(_NODE, weights=priors.Point(_WEIGHT)),
        partial(guides.NodeMixture, num_components=4, init_scale=0.1, init_spread=0.3),
        _METHOD,
    ),
}
_PUBLISHED = {  # the change of the NLL with the width
    "deterministic": None,
    "random weights": "above 0",
    "random nodes": "below 0",
}
_WIDTHS = (50, 100, 200, 400, 800)
_NUM_SAMPLES = 20

_Row = dict[str, str | int | float]


def _run(run: Run) -> None:
    """Fit every contestant at every width, and compare the largest width with the middle one."""
    data = run.dataset(datasets.fashion_mnist, num_validation=5_000)

    rows = []
    for width in _WIDTHS:
        for name in _CONTESTANTS:
            rows.append(_fit_and_score(run, data, name, width))
            run.report.tabulate("width", rows)

    for name, published in _PUBLISHED.items():
        _compare_widths(run, name, published)
        if name != "deterministic":
            _compare_with_deterministic(run, name)

    _draw_figure(run, rows)


def _fit_and_score(run: Run, data: Dataset, name: str, width: int) -> _Row:
    """Fit a contestant at a width, and return its scores with the size of the network."""
    key = f"{name}, {width}"
    share = _share(width) / len(_CONTESTANTS)
    build = partial(_build, run, name, width)
    posterior = run.fit(key, build, data, _METHOD, share=share)

    num_samples = 1 if name == "deterministic" else _NUM_SAMPLES
    scores = run.scores.add_posterior(key, posterior, data.test, num_samples)

    network = networks.LeNet(width=width)
    num_weights = sum(parameter.numel() for parameter in network.parameters())
    row: _Row = {"contestant": name, "weights": num_weights}

    for score, number in scores.items():
        row[score] = number.value

    return row


def _share(width: int) -> float:
    """Return the share of the budget of a width, in proportion to its square root."""
    total = sum(math.sqrt(each) for each in _WIDTHS)
    return math.sqrt(width) / total


def _build(run: Run, name: str, width: int) -> tuple[BayesianNetwork, PyroProgram]:
    """Return the model and the guide of a contestant."""
    contestant = _CONTESTANTS[name]
    network = networks.LeNet(width=width)

    return run.build(network, contestant.prior, contestant.make_guide)


def _compare_widths(run: Run, name: str, published: str | None) -> None:
    """State how the NLL changes from the middle width to the largest."""
    index = len(_WIDTHS) // 2
    middle = _WIDTHS[index]
    largest = _WIDTHS[-1]

    change = run.scores.difference(f"{name}, {largest}", f"{name}, {middle}")

    what = f"NLL, {name}, width {largest} minus {middle}, nats"
    run.report.find(what, change["nll"], published, headline=True)


def _compare_with_deterministic(run: Run, name: str) -> None:
    """State the scores of a contestant minus the deterministic network, at the largest width."""
    largest = _WIDTHS[-1]
    gain = run.scores.difference(f"{name}, {largest}", f"deterministic, {largest}")

    for score, number in gain.items():
        what = f"{score}, {name} minus deterministic, width {largest}"
        run.report.find(what, number)


def _draw_figure(run: Run, rows: Sequence[_Row]) -> None:
    """Draw error and NLL over the number of weights."""
    from zoo.plots.curves import curve

    labels = {"error %": "test error, %", "nll": "test NLL, nats"}

    with run.report.panels(columns=2, title="LeNet on Fashion-MNIST") as axes:
        for ax, score in zip(axes[0], labels, strict=True):
            for number, name in enumerate(_CONTESTANTS):
                own = [row for row in rows if row["contestant"] == name]
                sizes = [row["weights"] for row in own]
                values = [row[score] for row in own]
                curve(ax, sizes, values, number, label=name)

            label = labels[score]
            ax.set(xscale="log", xlabel="weights of the network", ylabel=label)
            ax.legend(frameon=False)


nodes_lenet_width = Experiment(
    name="nodes-lenet-width",
    question="is a wider LeNet better with random nodes, and worse with random weights?",
    reference="Scalable Bayesian neural networks by layer-wise input augmentation (Trinh, Kaski, "
    "Heinonen, 2020)",
    minutes=40,
    run=_run,
)
