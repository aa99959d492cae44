"""nodes-lenet-width: ever wider LeNets on Fashion-MNIST, random weights beside random nodes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pyro.distributions as dist

import guides
from zoo import datasets, networks, priors
from zoo.experiments.experiment import Experiment
from zoo.experiments.run import Run

WIDTHS = (50, 100, 200, 400, 800)
MAP = priors.Point(dist.Normal(0.0, 0.3))
DRAWS, EPOCHS = 20, 300


def built(run: Run, name: str, width: int) -> tuple[object, Callable[..., object]]:
    """Make the model and the guide of a contestant."""
    network = networks.LeNet(width=width)
    if name == "random nodes":
        model = run.model(network, priors.NodePrior(dist.Normal(1.0, 0.3), weights=MAP))
        return model, guides.NodeMixture(
            model, num_components=4, init_scale=0.1, init_spread=0.3
        )
    model = run.model(network, priors.WeightPrior(dist.Normal(0.0, 0.3)))
    if name == "deterministic":
        return model, guides.Delta(model)
    return model, guides.LocalReparam(model, init_scale=0.02)


def run(run: Run) -> None:
    """Fit every contestant at every width, and compare the widest with the middle one."""
    data = run.dataset(datasets.fashion_mnist, num_validation=5_000)
    x, y = data.test
    rows = []
    for width in WIDTHS:
        size = sum(
            parameter.numel() for parameter in networks.LeNet(width=width).parameters()
        )
        for name in ("deterministic", "random weights", "random nodes"):
            key, share = (
                f"{name}, {width}",
                width**0.5 / sum(each**0.5 for each in WIDTHS) / 3,
            )
            posterior = run.fit(
                key,
                partial(built, run, name, width),
                data,
                share=share,
                epochs=EPOCHS,
                rates=(1e-3,),
            )
            draws = 1 if name == "deterministic" else DRAWS
            scores = run.score(
                key, partial(posterior.predict, x, draws, progress=run.progress), y
            )
            rows.append(
                {"contestant": name, "weights": size}
                | {score: n.value for score, n in scores.items()}
            )
            run.tabulate("width", rows)
    for name, published in (
        ("deterministic", None),
        ("random weights", "above 0"),
        ("random nodes", "below 0"),
    ):
        middle, widest = WIDTHS[len(WIDTHS) // 2], WIDTHS[-1]
        last, before = f"{name}, {widest}", f"{name}, {middle}"
        change = run.difference(last, before)["nll"]
        run.find(
            f"NLL, {name}, width {widest} minus {middle}, nats",
            change,
            published,
            headline=True,
        )
        if name != "deterministic":
            gain = run.difference(last, f"deterministic, {widest}")
            for score, number in gain.items():
                run.find(f"{score}, {name} minus deterministic, width {widest}", number)
    picture(run, rows)


def picture(run: Run, rows: list[dict[str, object]]) -> None:
    """Draw error and NLL over the number of weights."""
    labels = {"error %": "test error, %", "nll": "test NLL, nats"}
    with run.panels(columns=2, title="LeNet on Fashion-MNIST") as axes:
        for ax, (score, label) in zip(axes[0], labels.items(), strict=True):
            for name in ("deterministic", "random weights", "random nodes"):
                own = [row for row in rows if row["contestant"] == name]
                ax.plot(
                    [row["weights"] for row in own],
                    [row[score] for row in own],
                    "o-",
                    label=name,
                )
            ax.set(xscale="log", xlabel="weights of the network", ylabel=label)
            ax.legend(frameon=False)


nodes_lenet_width = Experiment(
    name="nodes-lenet-width",
    question="does a wider LeNet help under random nodes, and hurt under random weights?",
    reference="Scalable Bayesian neural networks by layer-wise input augmentation (Trinh, Kaski, Heinonen, 2020)",
    minutes=40,
    run=run,
)
