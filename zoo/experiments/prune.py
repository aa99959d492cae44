"""prune-mnist, prune-cifar10, prune-ecg: accuracy of a posterior, and of its twin, as weights are dropped."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pyro.distributions as dist
import torch
from torch import nn

import guides
from zoo import datasets, priors
from zoo.datasets import Dataset
from zoo.experiments.experiment import Experiment
from zoo.experiments.run import Run
from zoo.pruning import (
    Curves,
    curve,
    density_at_zero,
    magnitude,
    prune,
    signal_to_noise,
)

FRACTIONS = (0.0, 0.5, 0.72, 0.82, 0.9, 0.93, 0.96, 0.98, 0.99)
RULES = {
    "density at zero": density_at_zero,
    "signal to noise": signal_to_noise,
    "magnitude": magnitude,
}
CHANNELS, PUBLISHED_CHANNELS = (40, 66, 43), (120, 200, 130)
DRAWS, SHOWN = 12, 2_000  # as published; test data behind the curve


def network(data: Dataset, widths: tuple[int, ...]) -> nn.Module:
    """Make the talk's network: three convolutions of 6 (by 6) with stride 2 and SELUs, and a linear layer."""
    inputs, *size = data.train.x.shape[1:]
    convolution = nn.Conv2d if len(size) == 2 else nn.Conv1d
    layers: list[nn.Module] = []
    for channels in widths:
        layers += [convolution(inputs, channels, 6, stride=2, padding=2), nn.SELU()]
        inputs, size = channels, [side // 2 for side in size]
    units = inputs * (size[0] ** len(size))
    return nn.Sequential(
        *layers, nn.Flatten(), nn.Linear(units, int(data.train.y.max()) + 1)
    )


def built(
    run: Run, data: Dataset, family: Callable[..., object]
) -> tuple[object, object]:
    """Make the model, and a guide of a family for it."""
    widths = PUBLISHED_CHANNELS if run.full else CHANNELS
    model = run.model(network(data, widths), priors.WeightPrior(dist.Normal(0.0, 1.0)))
    return model, family(model)


def pruned(
    run: Run, data: Dataset, epochs: float, published: dict[float, float]
) -> None:
    """Fit a posterior and its twin, draw their curves, and compare on the whole test part.

    Arguments:
        run: The run.
        data: The data.
        epochs: Epochs at most.
        published: Validation accuracy by the fraction dropped, read off the talk's
            figure to 0.01.
    """
    from zoo import plots

    families = {
        "posterior": partial(guides.LocalReparam, init_scale=0.02),
        "MAP": guides.Delta,
    }
    found = {}
    for name, family in families.items():
        share = 0.7 if name == "posterior" else 0.3
        found[name] = run.fit(
            name, partial(built, run, data, family), data, share=share, epochs=epochs
        )
    rows = torch.randperm(len(data.test.x), generator=torch.Generator().manual_seed(0))[
        :SHOWN
    ]  # they may be sorted
    shown = data.test.x[rows], data.test.y[rows]
    curves = curve(
        found["posterior"], shown, RULES, FRACTIONS, DRAWS, progress=run.progress
    )
    twin = curve(
        found["MAP"],
        shown,
        {"magnitude": magnitude},
        FRACTIONS,
        1,
        progress=run.progress,
    )
    scores = {f"posterior, {rule}": values for rule, values in curves.scores.items()}
    together = Curves(FRACTIONS, scores | {"MAP, magnitude": twin.scores["magnitude"]})
    run.tabulate("curve", together.table.to_dicts())
    on_the_test_part(run, data, found, published)
    lines = {name: scores["accuracy"] for name, scores in together.scores.items()}
    with run.panels(title=f"{data.name}: weights dropped, {DRAWS} draws") as axes:
        ax = plots.pruning(FRACTIONS, lines, ax=axes[0, 0])
        ax.plot(
            [100 * f for f in published],
            list(published.values()),
            "k^",
            label="published, another network",
        )
        ax.legend(
            frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2
        )
    if not run.full:
        run.note(
            f"The network has {CHANNELS} channels, a third of the published {PUBLISHED_CHANNELS}."
        )
    run.note(
        f"The curve is of {len(rows)} test data drawn at random; errors and differences are of all."
    )


def on_the_test_part(
    run: Run, data: Dataset, found: dict[str, object], published: dict[float, float]
) -> None:
    """Score the whole test part at the published fractions, and state the losses by dropping as paired differences."""
    x, y = data.test
    for name, draws in (("posterior", DRAWS), ("MAP", 1)):
        wrong = run.score(
            name, partial(found[name].predict, x, draws, progress=run.progress), y
        )["error %"]
        run.find(
            f"error of the {name}, %",
            wrong,
            lost(published, 0.0) if name == "posterior" else None,
            headline=True,
        )
    for name, rule, draws in (
        ("posterior", "density at zero", DRAWS),
        ("posterior", "signal to noise", DRAWS),
        ("MAP", "magnitude", 1),
    ):
        for fraction in (each for each in published if each):
            small, key = (
                prune(found[name], fraction, rule=RULES[rule]),
                f"{name}, {fraction:.1%} dropped by {rule}",
            )
            run.score(key, partial(small.predict, x, draws, progress=run.progress), y)
            theirs = (
                lost(published, fraction) - lost(published, 0.0)
                if rule == "density at zero"
                else None
            )
            loss = run.difference(key, name)["error %"]
            run.find(
                f"error of the {key}, minus all weights, %",
                loss,
                theirs,
                headline=fraction == 0.9,
            )


def lost(published: dict[float, float], fraction: float) -> float:
    """Return the published error in per cent."""
    return round(100 * (1 - published[fraction]), 1)


def run_mnist(run: Run) -> None:
    """Prune on MNIST."""
    data = run.dataset(datasets.mnist, num_validation=5_000)
    pruned(run, data, 30, {0.0: 0.97, 0.72: 0.96, 0.9: 0.95, 0.93: 0.93, 0.96: 0.84})


def run_cifar10(run: Run) -> None:
    """Prune on CIFAR-10."""
    data = run.dataset(datasets.cifar10, num_validation=5_000)
    pruned(run, data, 60, {0.0: 0.66, 0.82: 0.66, 0.9: 0.65, 0.95: 0.60, 0.99: 0.36})


def run_ecg(run: Run) -> None:
    """Prune on heart beats."""
    data = run.dataset(datasets.ecg5000, num_validation=100)
    pruned(run, data, 2_000, {0.0: 1.0, 0.9: 1.0, 0.96: 0.99, 0.985: 0.98})
    run.note(
        "Published is the accuracy on 10 batches of 64 series. The test series are sorted by class, the first 2,627 "
        "normal beats: on batches from the front ours is near 1.00 too."
    )


REFERENCE = "Bayesian deep learning with 10 % of the weights (Romijnders, 2019), a talk"
QUESTION = "how many weights can go by their posterior density at zero, on {}?"

prune_mnist = Experiment(
    "prune-mnist", QUESTION.format("MNIST"), REFERENCE, 25, run_mnist
)
prune_cifar10 = Experiment(
    "prune-cifar10", QUESTION.format("CIFAR-10"), REFERENCE, 30, run_cifar10
)
prune_ecg = Experiment(
    "prune-ecg", QUESTION.format("heart beats"), REFERENCE, 10, run_ecg
)
