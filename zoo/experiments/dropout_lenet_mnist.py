"""dropout-lenet-mnist: LeNet with dropout nowhere, at one layer, at all; weights or predictions averaged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pyro.distributions as dist

import guides
from zoo import datasets, networks, priors
from zoo.datasets import Dataset, Split
from zoo.experiments.experiment import Experiment
from zoo.experiments.run import Run
from zoo.experiments.scores import Number

DROPPED = {
    "none": (),
    "ip": ("classifier.5*",),
    "all": ("features.3*", "classifier.2*", "classifier.5*"),
}
WORDS = {"none": "no dropout", "ip": "at the inner product", "all": "at all layers"}
PUBLISHED = {
    ("all", "MC"): 0.5
}  # read off a figure; the others were published as curves alone
DRAWS, P, EPOCHS = 50, 0.5, 1_000  # 1e7 steps of 64 images were published


def run(run: Run) -> None:
    """Fit each network on all images and on a quarter of them, and average weights or predictions."""
    whole = run.dataset(datasets.mnist, num_validation=5_000)
    quarter = Split(whole.train.x[::4], whole.train.y[::4])
    for part, train, share in (
        ("all images", whole.train, 0.7),
        ("a quarter", quarter, 0.3),
    ):
        data = replace(whole, train=train)
        for where in DROPPED:
            compare(run, data, part, where, share / len(DROPPED))
        gain = run.difference(f"{part}, all, MC", f"{part}, all, weights averaged")[
            "error %"
        ]
        run.find(
            f"{part}: error of MC minus averaged weights, dropout at all layers, %",
            gain,
            "below 0",
        )
        gain = run.difference(f"{part}, all, MC", f"{part}, ip, weights averaged")[
            "error %"
        ]
        run.find(
            f"{part}: error of MC at all layers minus standard dropout, %",
            gain,
            "below 0",
            headline=True,
        )
    picture(run)
    run.note(
        f"Predictions are averaged over {DRAWS} masks, those of a convolution of whole channels."
    )


def built(run: Run, where: str) -> tuple[object, Callable[..., object]]:
    """Make LeNet, and the guide that drops where it should."""
    network = networks.LeNet()
    model = run.model(network, priors.WeightPrior(dist.Normal(0.0, 0.3)))
    if not DROPPED[where]:
        return model, guides.Delta(model)
    return model, guides.MCDropout(
        model, p=P, layers=[f"{layer}weight" for layer in DROPPED[where]]
    )


def compare(run: Run, data: Dataset, part: str, where: str, share: float) -> None:
    """Fit one network, and score it with its weights averaged and, after dropout, with predictions averaged."""
    x, y = data.test
    name = f"{part}, {where}"
    posterior = run.fit(
        name, partial(built, run, where), data, share=share, epochs=EPOCHS
    )
    ways = {"weights averaged": (posterior, 1)}
    if where != "none":
        averaged = posterior.with_guide(posterior.guide.averaged())
        ways = {"weights averaged": (averaged, 1), "MC": (posterior, DRAWS)}
    for way, (chosen, draws) in ways.items():
        predict = partial(chosen.predict, x, draws, progress=run.progress)
        error = run.score(f"{name}, {way}", predict, y)["error %"]
        published = PUBLISHED.get((where, way)) if part == "all images" else None
        run.find(f"error, {name}, {way}, %", error, published, headline=where == "all")


def picture(run: Run) -> None:
    """Draw the test errors with two standard errors, a bar for each network and way."""
    with run.panels(columns=2, title="LeNet on MNIST", share="row") as axes:
        for ax, part in zip(axes[0], ("all images", "a quarter"), strict=True):
            found: dict[str, Number] = {
                name.partition(", ")[2]: scores["error %"]
                for name, scores in run.result.scores.items()
                if name.startswith(part)
            }
            errors = [2 * number.error for number in found.values()]
            colors = ["#D55E00" if name.endswith("MC") else "#0072B2" for name in found]
            labels = [
                f"{WORDS[name.partition(', ')[0]]}, {name.partition(', ')[2]}"
                for name in found
            ]
            ax.barh(
                labels,
                [number.value for number in found.values()],
                xerr=errors,
                color=colors,
            )
            ax.set(title=part, xlabel="test error ± 2 standard errors, %")
        axes[0, 0].invert_yaxis()


dropout_lenet_mnist = Experiment(
    name="dropout-lenet-mnist",
    question="is averaging predictions over dropout masks better than averaging weights, at one layer and at all?",
    reference="Bayesian Convolutional Neural Networks with Bernoulli Approximate Variational Inference (Gal, "
    "Ghahramani, 2016)",
    minutes=30,
    run=run,
)
