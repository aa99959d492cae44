"""bayes-lenet-mnist, bayes-alexnet-cifar10: Bayes by Backprop for convolutions, with Kwon's two uncertainties."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import pyro.distributions as dist
from torch import nn

import guides
from zoo import datasets, metrics, networks, priors
from zoo.datasets import Dataset
from zoo.experiments.experiment import Experiment
from zoo.experiments.run import Run
from zoo.experiments.scores import Number
from zoo.predictive.prediction import Prediction

DRAWS, EPOCHS = 25, 100  # as published
PHASES = (0.1, 0.3)  # parts of the epochs at which uncertainty is looked at too


def run_network(
    run: Run, data: Dataset, make: Callable[[], nn.Module], published: dict[str, float]
) -> None:
    """Fit for all epochs and for two parts of them, beside the twin, and split the uncertainty.

    Arguments:
        run: The run.
        data: The data.
        make: Makes the network.
        published: Error in per cent of both contestants, and aleatoric and epistemic
            uncertainty.
    """
    x, y = data.test
    prior = priors.WeightPrior(dist.Normal(0.0, 0.1))

    def built(family: Callable[..., object]) -> tuple[object, object]:
        model = run.model(make(), prior)
        return model, family(model)

    def fitted(
        name: str, share: float, epochs: float, **options: object
    ) -> tuple[dict, Prediction]:
        build = partial(built, partial(guides.LocalReparam, init_scale=0.02))
        posterior = run.fit(name, build, data, share=share, epochs=epochs, **options)
        prediction = posterior.predict(x, DRAWS, progress=run.progress)
        run.score(name, lambda: prediction, y)
        return run.result.fits[name]["plan"], prediction

    plan, longest = fitted("Bayesian", 0.45, EPOCHS)
    rows = [row(run, "Bayesian", longest)]
    for (
        phase
    ) in PHASES:  # by the same learning rate, and for as long as their steps take
        name, epochs = f"Bayesian, {phase:.0%} of the epochs", phase * plan["epochs"]
        _, prediction = fitted(name, math.inf, epochs, rates=(plan["rate"],), least=0.0)
        rows.insert(-1, row(run, name, prediction))
    run.tabulate("over epochs", rows)
    twin = run.fit(
        "frequentist", partial(built, guides.Delta), data, share=0.35, epochs=EPOCHS
    )
    run.score("frequentist", partial(twin.predict, x, 1), y)
    for name in ("Bayesian", "frequentist"):
        run.find(
            f"error, {name}, %",
            run.result.scores[name]["error %"],
            published[name],
            headline=True,
        )
    gain, theirs = (
        run.difference("Bayesian", "frequentist"),
        published["Bayesian"] - published["frequentist"],
    )
    run.find("error, Bayesian minus frequentist, %", gain["error %"], theirs)
    run.find("NLL, Bayesian minus frequentist, nats", gain["nll"])
    for name, number in kwon(longest).items():
        run.find(
            f"{name} uncertainty, a variance", number, published[name], headline=True
        )
    run.find("aleatoric uncertainty, nats", Number.mean(longest.aleatoric))
    run.find("epistemic uncertainty, nats", Number.mean(longest.epistemic))
    picture(run, rows, published)


def row(run: Run, name: str, prediction: Prediction) -> dict[str, float]:
    """Return what is shown of a fit over epochs."""
    facts = {
        "epochs": run.result.fits[name]["plan"]["epochs"],
        "error %": run.result.scores[name]["error %"].value,
    }
    return facts | {key: number.value for key, number in kwon(prediction).items()}


def kwon(prediction: Prediction) -> dict[str, Number]:
    """Return the two variances of Kwon's, summed over classes and averaged over images."""
    epistemic, aleatoric = metrics.variance_split(prediction.functions)
    return {"aleatoric": Number.mean(aleatoric), "epistemic": Number.mean(epistemic)}


def picture(
    run: Run, rows: list[dict[str, float]], published: dict[str, float]
) -> None:
    """Draw error and uncertainties over epochs, beside what was published."""
    epochs = [row["epochs"] for row in rows]
    with run.panels(columns=2, title=run.experiment.name) as axes:
        left, right = axes[0]
        left.plot(epochs, [row["error %"] for row in rows], "o-", label="Bayesian")
        twin = (
            run.result.fits["frequentist"]["plan"]["epochs"],
            run.result.scores["frequentist"]["error %"].value,
        )
        left.plot(*twin, "s", color="grey", label="frequentist")
        left.plot(EPOCHS, published["Bayesian"], "k^", label="published, Bayesian")
        for name in ("aleatoric", "epistemic"):
            (line,) = right.plot(epochs, [row[name] for row in rows], "o-", label=name)
            right.plot(
                EPOCHS,
                published[name],
                "^",
                color=line.get_color(),
                label=f"{name}, published",
            )
        left.set(xlabel="epochs of a fit", ylabel="test error, %")
        right.set(
            xlabel="epochs of a fit",
            ylabel="variance of the one-hot label",
            yscale="log",
        )
        for ax in (left, right):
            ax.legend(frameon=False)


def run_lenet(run: Run) -> None:
    """Run LeNet-5 on MNIST."""
    data = run.dataset(datasets.mnist, num_validation=5_000)
    published = {
        "Bayesian": 2.0,
        "frequentist": 2.0,
        "aleatoric": 0.0096,
        "epistemic": 0.0026,
    }
    run_network(run, data, lambda: networks.LeNet5(activation=nn.Softplus), published)


def run_alexnet(run: Run) -> None:
    """Run AlexNet on CIFAR-10."""
    data = run.dataset(datasets.cifar10, num_validation=5_000)
    published = {
        "Bayesian": 27.0,
        "frequentist": 27.0,
        "aleatoric": 0.1920,
        "epistemic": 0.0404,
    }
    run_network(run, data, lambda: networks.AlexNet(activation=nn.Softplus), published)
    run.note(
        "The published variances are LeNet-5's on CIFAR-10; others reached an error of 39 % with this network."
    )


REFERENCE = (
    "A Comprehensive guide to Bayesian Convolutional Neural Network with Variational Inference (Shridhar, Laumann, "
    "Liwicki, 2019)"
)
QUESTION = "is Bayes by Backprop as accurate as its twin on {}, and how uncertain is it, of what kind?"

bayes_lenet_mnist = Experiment(
    "bayes-lenet-mnist", QUESTION.format("MNIST"), REFERENCE, 24, run_lenet
)
bayes_alexnet_cifar10 = Experiment(
    "bayes-alexnet-cifar10", QUESTION.format("CIFAR-10"), REFERENCE, 60, run_alexnet
)
