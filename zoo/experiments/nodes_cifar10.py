"""nodes-cifar10: trained residual networks made Bayesian over their nodes, beside temperature scaling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import pyro.distributions as dist
import torch
from torch import Tensor, nn

import guides
from zoo import datasets, likelihoods, metrics, networks, priors
from zoo.datasets import Dataset, Split
from zoo.datasets.images import IMAGENET
from zoo.experiments.experiment import Experiment
from zoo.experiments.run import Run
from zoo.predictive.prediction import Prediction

CHECKPOINTS = {20: "resnet20-12fca82f.th", 56: "resnet56-4bfd9763.th"}
GIVEN = {
    20: (8.27, 0.373),
    56: (6.61, 0.346),
}  # error and NLL of the checkpoints, as they came
PUBLISHED = {
    "SGD": (23.87, 0.9618, 0.0373),
    4: (23.22, 0.9310, 0.0350),
    8: (23.15, 0.9237, 0.0323),
}
PUBLISHED[16] = (23.12, 0.9118, 0.0232)  # of ResNet-50 on ImageNet: error, NLL, ECE
COMPONENTS = (4, 8, 16)
DRAWS = {20: 16, 56: 8}
SHARE = {20: 0.05, 56: 0.11}  # of the budget, each of six fits
EPOCHS, LR_NODES, LR_WEIGHTS = 15, 0.2, 1e-4
COLORED = {
    "as it came": "black",
    "temperature": "grey",
    "K = 4": "C0",
    "K = 8": "C1",
    "K = 16": "C2",
}


def run(run: Run) -> None:
    """Score each trained network as it is, with a temperature, and under six posteriors of its nodes."""
    data = with_validation(run.dataset(datasets.cifar10, units=IMAGENET))
    for depth in CHECKPOINTS:
        network = trained(run, depth)
        twins(run, depth, network, data)
        for weights in ("frozen", "fine-tuned"):
            for components in COMPONENTS:
                mixed(run, depth, network, data, components, weights)
        picture(run)
    run.note(
        "Published is one run of ResNet-50 on ImageNet; here are ResNet-20 and -56 on CIFAR-10."
    )
    run.note(
        "The temperature of either half of the test images is that which fits the other half best."
    )


def trained(run: Run, depth: int) -> nn.Module:
    """Return the trained network of a depth."""
    return resnet(run.data_path("cifar10_resnets") / CHECKPOINTS[depth], depth)


def resnet(path: Path, depth: int) -> nn.Module:
    """Read a trained network, its memory laid out pixel by pixel, which convolutions take faster on a CPU."""
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is not there; it is pretrained_models/{path.name} of github.com/akamaster/pytorch_resnet_cifar10"
        )
    state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    network = networks.ResNet(depth).to(memory_format=torch.channels_last)
    network.load_state_dict(
        {name.removeprefix("module."): value for name, value in state.items()}
    )
    return network


def with_validation(data: Dataset) -> Dataset:
    """Return the data with the last 2,000 training images as validation, which the networks have seen."""
    return replace(data, validation=Split(data.train.x[-2_000:], data.train.y[-2_000:]))


def twins(run: Run, depth: int, network: nn.Module, data: Dataset) -> None:
    """Score the network as it came, and with a temperature that was fitted to the other half of the test images."""
    x, y = data.test
    network, name, likelihood = (
        network.to(run.device).eval(),
        f"ResNet-{depth}",
        likelihoods.Categorical(),
    )

    @cache
    def logits() -> Tensor:  # (N, O)
        with torch.no_grad():
            return torch.cat([network(part.to(run.device)) for part in x.split(250)])

    def tempered() -> Prediction:
        divided, labels = logits().clone(), y.to(run.device)
        for half in range(2):
            divided[half::2] /= metrics.temperature_scaling(
                logits()[1 - half :: 2], labels[1 - half :: 2]
            )
        return Prediction(likelihood, divided.unsqueeze(0))

    run.score(name, lambda: Prediction(likelihood, logits().unsqueeze(0)), y)
    run.score(f"{name}, temperature", tempered, y)
    report(run, name, GIVEN[depth])
    report(run, f"{name}, temperature", (None, None))


def report(run: Run, name: str, published: tuple[float | None, float | None]) -> None:
    """State error and NLL."""
    scores = run.result.scores[name]
    for score, number in zip(("error %", "nll"), published, strict=True):
        run.find(f"{score}, {name}", scores[score], number, headline=True)


def mixed(
    run: Run,
    depth: int,
    network: nn.Module,
    data: Dataset,
    components: int,
    weights: str,
) -> None:
    """Infer a mixture over the nodes, and score it beside the network as it came."""
    name, held = f"ResNet-{depth}, K = {components}, {weights}", {}

    def build() -> tuple[object, Callable[..., object]]:
        treatment = priors.Frozen() if weights == "frozen" else priors.Point()
        model = run.model(
            network, priors.NodePrior(dist.Normal(1.0, 0.1), weights=treatment)
        )
        held["guide"] = guides.NodeMixture(
            model, num_components=components, init_scale=0.05, init_spread=0.1
        )
        return model, held["guide"]

    def optimizer(parameters: list[nn.Parameter], lr: float) -> torch.optim.Optimizer:
        return two_rates(held["guide"], parameters, lr)

    x, y = data.test
    options = {"rates": (LR_NODES,), "optimizer": optimizer, "least": 0.1}
    posterior = run.fit(name, build, data, share=SHARE[depth], epochs=EPOCHS, **options)
    run.score(
        name, partial(posterior.predict, x, DRAWS[depth], progress=run.progress), y
    )
    gain = run.difference(name, f"ResNet-{depth}")
    theirs = [
        ours - sgd
        for ours, sgd in zip(PUBLISHED[components], PUBLISHED["SGD"], strict=True)
    ]
    for score, number in zip(("error %", "nll", "ece"), theirs, strict=True):
        headline = components == 16 and weights == "frozen"
        run.find(
            f"{score}, {name}, minus as it came",
            gain[score],
            round(number, 4),
            headline,
        )


def two_rates(
    guide: nn.Module,
    parameters: list[nn.Parameter],
    lr: float,
    lr_weights: float = LR_WEIGHTS,
) -> torch.optim.Optimizer:
    """Return SGD with momentum that moves the nodes fast and the weights at a small rate."""
    own = {id(parameter) for parameter in guide.parameters()}
    nodes = [parameter for parameter in parameters if id(parameter) in own]
    weights = [parameter for parameter in parameters if id(parameter) not in own]
    groups = [{"params": nodes, "lr": lr}, {"params": weights, "lr": lr_weights}]
    return torch.optim.SGD(groups, lr=lr, momentum=0.9, nesterov=True)


def picture(run: Run) -> None:
    """Draw NLL over calibration error, a point for each contestant."""
    depths = [depth for depth in CHECKPOINTS if f"ResNet-{depth}" in run.result.scores]
    with run.panels(columns=len(depths), title="CIFAR-10") as axes:
        for ax, depth in zip(axes[0], depths, strict=True):
            for name, scores in run.result.scores.items():
                if name.startswith(f"ResNet-{depth}"):
                    place = (scores["ece"].value, scores["nll"].value)
                    label = name.partition(", ")[2] or "as it came"
                    who, _, weights = label.partition(", ")
                    marker = "^" if weights == "fine-tuned" else "o"
                    ax.errorbar(
                        *place,
                        yerr=2 * scores["nll"].error,
                        fmt=marker,
                        color=COLORED[who],
                        label=label,
                    )
            ax.set(
                title=f"ResNet-{depth}",
                xlabel="calibration error",
                ylabel="NLL ± 2 standard errors, nats",
            )
            ax.legend(frameon=False, fontsize="small")


nodes_cifar10 = Experiment(
    name="nodes-cifar10",
    question="does a posterior over the nodes of a trained residual network lower its NLL and calibration error?",
    reference="Scalable Bayesian neural networks by layer-wise input augmentation (Trinh, Kaski, Heinonen, 2020)",
    minutes=70,
    run=run,
)
