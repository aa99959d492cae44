"""nodes-cifar10: trained ResNets with random nodes, against temperature scaling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import nn

from zoo import priors
from zoo.datasets import Dataset
from zoo.experiments.parts.node_fits import NodeFit
from zoo.experiments.parts.temperature import TrainedPredictions
from zoo.experiments.parts.trained_resnets import (
    CHECKPOINTS,
    load_cifar10,
    load_trained,
)
from zoo.experiments.running.report import Report
from zoo.experiments.running.run import Experiment, Run
from zoo.experiments.running.scores import Number
from zoo.inference import schedules
from zoo.plots.canvas import COLORS
from zoo.posterior.posterior import Posterior

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COMPONENTS = (4, 8, 16)
_TREATMENTS: dict[str, priors.Frozen | priors.Point] = {  # of the weights
    "frozen": priors.Frozen(),
    "fine-tuned": priors.Point(),
}
_NUM_SAMPLES = {20: 16, 56: 8}  # by depth
_SHARES = {20: 0.05, 56: 0.11}  # of the budget, for each of six fits
_EPOCHS = 15

# Error and NLL that were published with the checkpoints, by depth.
_CHECKPOINT_SCORES = {20: (8.27, 0.373), 56: (6.61, 0.346)}
# Of ResNet-50 on ImageNet: with SGD, and by the number of components.
_PUBLISHED_SGD = {"error %": 23.87, "nll": 0.9618, "ece": 0.0373}
_PUBLISHED = {
    4: {"error %": 23.22, "nll": 0.9310, "ece": 0.0350},
    8: {"error %": 23.15, "nll": 0.9237, "ece": 0.0323},
    16: {"error %": 23.12, "nll": 0.9118, "ece": 0.0232},
}
_SCORES = ("error %", "nll", "ece")
_COLORS = {  # by the names in the committed results
    "as it came": "black",
    "temperature": "grey",
    "K = 4": COLORS[0],
    "K = 8": COLORS[1],
    "K = 16": COLORS[2],
}


def _run(run: Run) -> None:
    """Score each trained network alone, with a temperature, and under six posteriors."""
    data = load_cifar10(run)

    for depth in CHECKPOINTS:
        network = load_trained(run, depth)
        _score_trained(run, depth, network, data)

        for treatment in _TREATMENTS:
            for num_components in _COMPONENTS:
                _fit_and_score(run, depth, network, data, num_components, treatment)

        _draw_figure(run)

    run.report.note(
        "The published numbers are of one run of ResNet-50 on ImageNet; ours are of ResNet-20 and "
        "ResNet-56 on CIFAR-10."
    )
    run.report.note(
        "Each half of the test images has the temperature that fits the other half best."
    )


def _score_trained(run: Run, depth: int, network: nn.Module, data: Dataset) -> None:
    """Score a trained network alone and with a temperature."""
    x, y = data.test
    network = network.to(run.device).eval()
    predictions = TrainedPredictions(network, x, y, run.device)

    name = f"ResNet-{depth}"
    scores = run.scores.add(name, predictions.alone, y)
    error, nll = _CHECKPOINT_SCORES[depth]
    _report_scores(run.report, name, scores, error, nll)

    name = f"ResNet-{depth}, temperature"
    scores = run.scores.add(name, predictions.with_temperature, y)
    _report_scores(run.report, name, scores)


def _report_scores(
    report: Report,
    name: str,
    scores: Mapping[str, Number],
    published_error: float | None = None,
    published_nll: float | None = None,
) -> None:
    """State error and NLL."""
    error = scores["error %"]
    nll = scores["nll"]
    report.find(f"error %, {name}", error, published_error, headline=True)
    report.find(f"nll, {name}", nll, published_nll, headline=True)


def _fit_and_score(
    run: Run,
    depth: int,
    network: nn.Module,
    data: Dataset,
    num_components: int,
    treatment: str,
) -> None:
    """Fit a mixture over the nodes, and score it against the trained network."""
    trained = f"ResNet-{depth}"
    name = f"{trained}, K = {num_components}, {treatment}"
    share = _SHARES[depth]
    num_samples = _NUM_SAMPLES[depth]

    posterior = _fit_nodes(run, name, network, data, num_components, treatment, share)
    run.scores.add_posterior(name, posterior, data.test, num_samples)

    gain = run.scores.difference(name, trained)

    published = _PUBLISHED[num_components]
    headline = num_components == 16 and treatment == "frozen"

    for score in _SCORES:
        what = f"{score}, {name}, minus as it came"
        theirs = published[score] - _PUBLISHED_SGD[score]
        theirs = round(theirs, 4)
        run.report.find(what, gain[score], theirs, headline=headline)


def _fit_nodes(
    run: Run,
    name: str,
    network: nn.Module,
    data: Dataset,
    num_components: int,
    treatment: str,
    share: float,
) -> Posterior:
    """Fit a mixture over the nodes, with frozen or fine-tuned weights."""
    fit = NodeFit(run, network, num_components, _TREATMENTS[treatment])
    method = fit.method(_EPOCHS, schedules.cosine(), batch_size=128)

    return run.fit(name, fit.build, data, method, share=share)


def _draw_figure(run: Run) -> None:
    """Draw NLL over calibration error, a point for each prediction and a panel for each depth."""
    scores = run.result.scores
    trained = [f"ResNet-{depth}" for depth in CHECKPOINTS]
    scored = [network for network in trained if network in scores]

    with run.report.panels(columns=len(scored), title="CIFAR-10") as axes:
        for ax, network in zip(axes[0], scored, strict=True):
            _draw_points(ax, network, scores)
            ax.set(
                title=network,
                xlabel="calibration error",
                ylabel="NLL ± 2 standard errors, nats",
            )
            ax.legend(frameon=False, fontsize="small")


def _draw_points(
    ax: Axes, network: str, scores: Mapping[str, Mapping[str, Number]]
) -> None:
    """Draw the predictions of one network."""
    for name, numbers in scores.items():
        if not name.startswith(network):
            continue

        _, _, label = name.partition(", ")
        label = label or "as it came"
        kind, _, treatment = label.partition(", ")
        marker = "^" if treatment == "fine-tuned" else "o"
        color = _COLORS[kind]

        ece = numbers["ece"].value
        nll = numbers["nll"]
        bar = nll.two_errors
        ax.errorbar(ece, nll.value, yerr=bar, fmt=marker, color=color, label=label)


nodes_cifar10 = Experiment(
    name="nodes-cifar10",
    question="does a posterior over the nodes of a trained residual network lower its NLL and "
    "calibration error?",
    reference="Scalable Bayesian neural networks by layer-wise input augmentation (Trinh, Kaski, "
    "Heinonen, 2020)",
    minutes=70,
    run=_run,
)
