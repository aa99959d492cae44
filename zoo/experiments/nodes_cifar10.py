"""nodes-cifar10: trained ResNets with random nodes, against temperature scaling."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import pyro.distributions as dist
import torch
from torch import Tensor, nn

import guides
from zoo import likelihoods, metrics, priors
from zoo.datasets import Dataset
from zoo.experiments.run import Experiment, Run
from zoo.experiments.trained_resnets import CHECKPOINTS, load_cifar10, load_trained
from zoo.model import BayesianNetwork
from zoo.posterior.posterior import Posterior
from zoo.predictive.prediction import Prediction
from zoo.runtime.programs import PyroProgram

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COMPONENTS = (4, 8, 16)
_TREATMENTS = {"frozen": priors.Frozen(), "fine-tuned": priors.Point()}  # of weights
_NUM_SAMPLES = {20: 16, 56: 8}  # by depth
_SHARES = {20: 0.05, 56: 0.11}  # of the budget, for each of six fits
_EPOCHS = 15
_LEARNING_RATE_NODES = 0.2
_LEARNING_RATE_WEIGHTS = 1e-4

# Error and NLL that were published with the checkpoints, by depth.
_CHECKPOINT_SCORES = {20: (8.27, 0.373), 56: (6.61, 0.346)}
# Error, NLL and ECE of ResNet-50 on ImageNet: of SGD, and by the number of components.
_PUBLISHED_SGD = (23.87, 0.9618, 0.0373)
_PUBLISHED = {
    4: (23.22, 0.9310, 0.0350),
    8: (23.15, 0.9237, 0.0323),
    16: (23.12, 0.9118, 0.0232),
}
_SCORES = ("error %", "nll", "ece")
_COLORS = {
    "as it came": "black",
    "temperature": "grey",
    "K = 4": "C0",
    "K = 8": "C1",
    "K = 16": "C2",
}


def _run(run: Run) -> None:
    """Score each trained network alone, with a temperature, and with six posteriors of its nodes."""
    data = load_cifar10(run)
    for depth in CHECKPOINTS:
        network = load_trained(run, depth)
        _score_trained(run, depth, network, data)
        for treatment in _TREATMENTS:
            for num_components in _COMPONENTS:
                _fit_and_score(run, depth, network, data, num_components, treatment)
        _draw_figure(run)

    run.report.note(
        "Published is one run of ResNet-50 on ImageNet; here are ResNet-20 and -56 on CIFAR-10."
    )
    run.report.note(
        "The temperature of either half of the test images is that which fits the other half best."
    )


def _score_trained(run: Run, depth: int, network: nn.Module, data: Dataset) -> None:
    """Score a trained network alone and with a temperature."""
    x, y = data.test
    logits = _evaluate(network, x, run.device)
    tempered = _scale_temperature(logits, y.to(run.device))

    name = f"ResNet-{depth}"
    error, nll = _CHECKPOINT_SCORES[depth]
    scores = run.scores.add(name, partial(_predict, logits), y)
    run.report.find(f"error %, {name}", scores["error %"], error, headline=True)
    run.report.find(f"nll, {name}", scores["nll"], nll, headline=True)

    name = f"ResNet-{depth}, temperature"
    scores = run.scores.add(name, partial(_predict, tempered), y)
    run.report.find(f"error %, {name}", scores["error %"], headline=True)
    run.report.find(f"nll, {name}", scores["nll"], headline=True)


def _evaluate(network: nn.Module, x: Tensor, device: torch.device) -> Tensor:
    """Return the logits of a network (N, O), from batches of images (N, C, H, W)."""
    network = network.to(device).eval()
    with torch.no_grad():
        return torch.cat([network(batch.to(device)) for batch in x.split(250)])


def _scale_temperature(logits: Tensor, y: Tensor) -> Tensor:
    """Divide each half of the logits (N, O) by the temperature that is best for the other half."""
    tempered = logits.clone()
    for half in (0, 1):
        other = 1 - half
        temperature = metrics.temperature_scaling(logits[other::2], y[other::2])
        tempered[half::2] /= temperature
    return tempered


def _predict(logits: Tensor) -> Prediction:
    """Return the prediction of one draw, given its logits (N, O)."""
    return Prediction(likelihoods.Categorical(), logits.unsqueeze(0))


def _fit_and_score(
    run: Run,
    depth: int,
    network: nn.Module,
    data: Dataset,
    num_components: int,
    treatment: str,
) -> None:
    """Fit a mixture over the nodes, and score it against the trained network."""
    name = f"ResNet-{depth}, K = {num_components}, {treatment}"
    posterior = _fit_nodes(
        run, name, network, data, num_components, treatment, _SHARES[depth]
    )
    run.scores.add_posterior(name, posterior, data.test, _NUM_SAMPLES[depth])

    gain = run.scores.difference(name, f"ResNet-{depth}")
    published = _PUBLISHED[num_components]
    headline = num_components == 16 and treatment == "frozen"
    for score, theirs, sgd in zip(_SCORES, published, _PUBLISHED_SGD, strict=True):
        run.report.find(
            f"{score}, {name}, minus as it came",
            gain[score],
            round(theirs - sgd, 4),
            headline=headline,
        )


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
    prior = priors.NodePrior(dist.Normal(1.0, 0.1), weights=_TREATMENTS[treatment])
    make_guide = partial(
        guides.NodeMixture,
        num_components=num_components,
        init_scale=0.05,
        init_spread=0.1,
    )
    latest: dict[str, nn.Module] = {}

    def build() -> tuple[BayesianNetwork, PyroProgram]:
        model, guide = run.build(network, prior, make_guide)
        latest["guide"] = guide
        return model, guide

    def optimizer(parameters: list[nn.Parameter], lr: float) -> torch.optim.Optimizer:
        return two_rates(latest["guide"], parameters, lr)

    return run.fit(
        name,
        build,
        data,
        share=share,
        epochs=_EPOCHS,
        learning_rates=(_LEARNING_RATE_NODES,),
        optimizer=optimizer,
        min_epochs=0.1,
    )


def two_rates(
    guide: nn.Module,
    parameters: Sequence[nn.Parameter],
    lr: float,
    lr_weights: float = _LEARNING_RATE_WEIGHTS,
) -> torch.optim.Optimizer:
    """Return SGD with momentum, with one learning rate for the nodes and one for the weights.

    Arguments:
        guide: The guide, whose parameters are those of the nodes.
        parameters: All parameters.
        lr: The learning rate of the nodes.
        lr_weights: The learning rate of the weights.
    """
    guide_ids = {id(parameter) for parameter in guide.parameters()}
    nodes = []
    weights = []
    for parameter in parameters:
        group = nodes if id(parameter) in guide_ids else weights
        group.append(parameter)

    groups = [{"params": nodes, "lr": lr}, {"params": weights, "lr": lr_weights}]
    return torch.optim.SGD(groups, lr=lr, momentum=0.9, nesterov=True)


def _draw_figure(run: Run) -> None:
    """Draw NLL over calibration error, a point for each prediction and a panel for each depth."""
    depths = [depth for depth in CHECKPOINTS if f"ResNet-{depth}" in run.result.scores]
    with run.report.panels(columns=len(depths), title="CIFAR-10") as axes:
        for ax, depth in zip(axes[0], depths, strict=True):
            _draw_points(run, ax, f"ResNet-{depth}")
            ax.set(
                title=f"ResNet-{depth}",
                xlabel="calibration error",
                ylabel="NLL ± 2 standard errors, nats",
            )
            ax.legend(frameon=False, fontsize="small")


def _draw_points(run: Run, ax: Axes, network: str) -> None:
    """Draw the predictions of one network."""
    for name, scores in run.result.scores.items():
        if not name.startswith(network):
            continue
        _, _, label = name.partition(", ")
        label = label or "as it came"
        kind, _, treatment = label.partition(", ")
        ax.errorbar(
            scores["ece"].value,
            scores["nll"].value,
            yerr=2 * scores["nll"].error,
            fmt="^" if treatment == "fine-tuned" else "o",
            color=_COLORS[kind],
            label=label,
        )


nodes_cifar10 = Experiment(
    name="nodes-cifar10",
    question="does a posterior over the nodes of a trained residual network lower its NLL and calibration error?",
    reference="Scalable Bayesian neural networks by layer-wise input augmentation (Trinh, Kaski, Heinonen, 2020)",
    minutes=70,
    run=_run,
)
