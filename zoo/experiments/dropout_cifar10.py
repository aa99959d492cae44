"""dropout-nin-cifar10, dropout-dsn-cifar10: standard dropout against MC dropout, with and without augmentation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import pyro.distributions as dist
from torch import nn

import guides
from zoo import datasets, likelihoods, networks, priors
from zoo.experiments.augment import loader
from zoo.experiments.experiment import Experiment
from zoo.experiments.run import Run

WIDTH, PUBLISHED_WIDTH = 48, 192
DRAWS, PUBLISHED_DRAWS, P, EPOCHS = 30, 100, 0.5, 300


def run_network(
    run: Run,
    make: Callable[..., nn.Module],
    layers: Sequence[str],
    likelihood: object,
    published: dict[str, tuple],
) -> None:
    """Fit with dropout, and compare averaged weights with averaged predictions on the same images.

    Arguments:
        run: The run.
        make: Makes the network of a width.
        layers: Patterns of the weights whose inputs are dropped.
        likelihood: The likelihood.
        published: Errors in per cent by "plain" and "augmented", of averaged weights
            and of averaged predictions.
    """
    data = run.dataset(datasets.cifar10, num_validation=5_000)
    x, y = data.test
    draws, width = (PUBLISHED_DRAWS, PUBLISHED_WIDTH) if run.full else (DRAWS, WIDTH)

    def build() -> tuple[object, object]:
        model = run.model(
            make(width=width, p=0.0),
            priors.WeightPrior(dist.Normal(0.0, 0.3)),
            likelihood,
        )
        return model, guides.MCDropout(model, p=P, layers=layers)

    for kind, (standard, monte_carlo) in published.items():
        train = loader(data.train) if kind == "augmented" else None
        posterior = run.fit(
            kind, build, data, share=1 / len(published), epochs=EPOCHS, train=train
        )
        averaged = posterior.with_guide(posterior.guide.averaged())
        ways = {
            "weights averaged": (averaged, 1, standard),
            "MC": (posterior, draws, monte_carlo),
        }
        for way, (chosen, number, theirs) in ways.items():
            name = f"{kind}, {way}"
            run.score(
                name, partial(chosen.predict, x, number, progress=run.progress), y
            )
            run.find(f"error, {name}, %", run.result.scores[name]["error %"], theirs)
        gain = run.difference(f"{kind}, MC", f"{kind}, weights averaged")
        theirs = round(monte_carlo - standard, 2) if standard else None
        run.find(
            f"error, {kind}, MC minus weights averaged, %",
            gain["error %"],
            theirs,
            headline=True,
        )
        run.find(
            f"NLL, {kind}, MC minus weights averaged, nats", gain["nll"], headline=True
        )
    run.note(
        f"The network's width is {width}, published {PUBLISHED_WIDTH}; MC averages {draws} draws, {PUBLISHED_DRAWS}."
    )
    run.note("Masks are of whole channels.")
    picture(run)


def picture(run: Run) -> None:
    """Draw error and NLL of each way with two standard errors."""
    with run.panels(columns=2, title=run.experiment.name, share="row") as axes:
        for ax, (score, label) in zip(
            axes[0],
            {"error %": "test error, %", "nll": "NLL, nats"}.items(),
            strict=True,
        ):
            for name, scores in run.result.scores.items():
                color = "#D55E00" if name.endswith("MC") else "#0072B2"
                ax.errorbar(
                    scores[score].value,
                    name,
                    xerr=2 * scores[score].error,
                    fmt="o",
                    color=color,
                )
            ax.set_xlabel(f"{label}, ± 2 standard errors")


def run_nin(run: Run) -> None:
    """Run network in network."""
    published = {"plain": (10.43, 10.27), "augmented": (None, None)}
    layers = ("features.8.weight", "features.16.weight")
    run_network(run, networks.NIN, layers, likelihoods.Categorical(), published)


def run_dsn(run: Run) -> None:
    """Run the deeply-supervised net."""
    published = {"plain": (9.37, 9.32), "augmented": (7.95, 7.71)}
    layers = ("convolutions.1.weight", "convolutions.2.weight")
    run_network(run, networks.DSN, layers, likelihoods.DeeplySupervised(0.3), published)


REFERENCE = "Bayesian Convolutional Neural Networks with Bernoulli Approximate Variational Inference (Gal, Ghahramani, 2016)"
QUESTION = "is averaging predictions over dropout masks better than averaging weights, for {} on CIFAR-10?"

dropout_nin_cifar10 = Experiment(
    "dropout-nin-cifar10", QUESTION.format("network in network"), REFERENCE, 40, run_nin
)
dropout_dsn_cifar10 = Experiment(
    "dropout-dsn-cifar10",
    QUESTION.format("a deeply-supervised net"),
    REFERENCE,
    40,
    run_dsn,
)
