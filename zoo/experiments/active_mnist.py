"""active-mnist: how many labels a network needs that asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pyro.distributions as dist
import torch
from torch import Tensor, nn

import guides
from zoo import acquisition, datasets, likelihoods, priors
from zoo.datasets import Split
from zoo.experiments.parts.active_curve import LabelCurve, Learner, balanced, learn
from zoo.experiments.running.run import Experiment, Run
from zoo.experiments.running.scores import Number
from zoo.predictive.prediction import Prediction

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NUM_SEEDS = 5
_NUM_SAMPLES = 20
_EVERY = 5  # of the test images of MNIST, each such one tests all fits
_FIRST = 2  # labels of each class at the start
_TINY = 1e-9  # probability of a class, whose logarithm is finite
_SHOWN = 12  # images that are asked for first
_DENSE = priors.WeightPrior(  # weights of convolutions are point estimates
    priors.by_type(
        {nn.Linear: dist.Normal(0.0, 1.0)},
        otherwise=priors.Point(dist.Normal(0.0, 1.0)),
    )
)
_NODES = priors.NodePrior(
    priors.by_type({nn.Linear: dist.Normal(1.0, 0.5)}, otherwise=priors.Frozen()),
    weights=priors.Point(dist.Normal(0.0, 1.0)),
)
_DROPOUT = partial(guides.MCDropout, p=0.5)
_MIXTURE = partial(
    guides.NodeMixture, num_components=4, init_scale=0.2, init_spread=0.3
)


def _network(kernel: int, stride: int, num_features: int) -> nn.Module:
    """Return the convolutional network of the paper, with other steps and kernels.

    Arguments:
        kernel: Height and width of the kernels.
        stride: Pixels from one place of the first kernels to the next.
        num_features: Numbers after the convolutions.
    """
    return nn.Sequential(
        nn.Conv2d(1, 32, kernel, stride=stride),
        nn.ReLU(),
        nn.Conv2d(32, 32, kernel),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(num_features, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


_IMAGES = partial(_network, kernel=4, stride=2, num_features=32 * 5 * 5)
_SMALL_IMAGES = partial(_network, kernel=3, stride=1, num_features=32 * 2 * 2)
_BALD = Learner(_IMAGES, _DENSE, _DROPOUT, acquisition.bald, most=500)
_LEARNERS = {  # on MNIST
    "BALD": _BALD,
    "variation ratios": replace(_BALD, acquire=acquisition.variation_ratios),
    "entropy": replace(_BALD, acquire=acquisition.max_entropy),
    "random": replace(
        _BALD, acquire=acquisition.random, num_steps=200, each=40, most=1_020
    ),
    "point, entropy": replace(
        _BALD, make_guide=guides.Delta, acquire=acquisition.max_entropy, num_samples=1
    ),
    "nodes, BALD": replace(_BALD, prior=_NODES, make_guide=_MIXTURE, most=300),
    "BALD, cold": replace(_BALD, warm=False, most=300),
}
_OF_DIGITS = Learner(
    _SMALL_IMAGES,
    _DENSE,
    partial(guides.MCDropout, p=0.25),
    acquisition.bald,
    most=200,
    lr=1e-2,
)
_DIGITS = {
    "BALD": _OF_DIGITS,
    "entropy": replace(_OF_DIGITS, acquire=acquisition.max_entropy),
    "random": replace(_OF_DIGITS, acquire=acquisition.random, most=300),
}
_PUBLISHED = {  # labels for these accuracies on MNIST
    0.90: {"BALD": 145, "variation ratios": 120, "entropy": 165, "random": 255},
    0.95: {"BALD": 335, "variation ratios": 295, "entropy": 355, "random": 835},
}
_COMPARED = "BALD"  # with all others
_NUMBERS = (100, 200, 300)  # of labels with which accuracies are compared


def _run(run: Run) -> None:
    """Let every learner ask for labels of MNIST and of digits, from several seeds."""
    mnist = run.dataset(datasets.mnist, num_validation=10_000)
    x, y = mnist.test
    few = Split(x[::_EVERY], y[::_EVERY])
    curves = {
        name: _curve(run, f"MNIST, {name}", learner, mnist.train, few)
        for name, learner in _LEARNERS.items()
    }
    _report(run, "MNIST", curves)

    digits = datasets.digits()
    run.result.settings[digits.name] = {"train": len(digits.train.x)}
    of_digits = {
        name: _curve(run, f"digits, {name}", learner, digits.train, digits.test)
        for name, learner in _DIGITS.items()
    }
    _report(run, "digits", of_digits)

    _draw_figure(run, mnist.train.x, {"MNIST": curves, "digits": of_digits})
    _note(run)


def _curve(
    run: Run, name: str, learner: Learner, train: Split, test: Split
) -> LabelCurve:
    """Return the accuracies of one learner from all seeds, and score its last fits."""
    labels: list[int] = []
    accuracies, asked = [], []
    for seed in range(_NUM_SEEDS):
        first = balanced(train.y, _FIRST, seed)
        key = f"{name}, seed {seed}"
        found = run.keep(
            key,
            partial(learn, run, learner, train, test, first, seed),
            learner=learner,
            first=first,
            seed=seed,
        )
        run.scores.add(key, partial(_of_probs, found["probs"]), test.y)
        labels = found["labels"]
        accuracies.append(torch.tensor(found["accuracy"]))
        asked.append(found["rows"])

    return LabelCurve(labels, torch.stack(accuracies), torch.stack(asked))


def _of_probs(probs: Tensor) -> Prediction:
    """Return the prediction of class probabilities that are averaged over draws, (N, O)."""
    return Prediction(
        likelihoods.Categorical(), probs.clamp_min(_TINY).log().unsqueeze(0)
    )


def _report(run: Run, name: str, curves: Mapping[str, LabelCurve]) -> None:
    """State the labels that each learner needs, and the accuracies with as many labels."""
    for target, published in _PUBLISHED.items():
        for key, curve in curves.items():
            theirs = published.get(key) if name == "MNIST" else None
            needed = curve.needed(target)
            reached = needed.isfinite()
            number = Number.mean(needed.where(reached, torch.tensor(curve.labels[-1])))
            what = f"labels for {target:.0%}, {name}, {key}"
            if not reached.all():
                what, theirs = f"{what}, at least", theirs and str(theirs)

            run.report.find(what, number, theirs, headline=True)
            what = f"seeds of {len(needed)} that reach {target:.0%}, {name}, {key}"
            run.report.find(what, int(reached.sum()))

    for key, curve in curves.items():
        run.report.tabulate(f"{name}, {key}", curve.rows())

    for number in _NUMBERS:
        _compare(run, name, curves, number)


def _compare(
    run: Run, name: str, curves: Mapping[str, LabelCurve], number: int
) -> None:
    """State accuracies with a number of labels, and what others have less, paired by seed."""
    with_number = {k: c for k, c in curves.items() if number in c.labels}
    for key, curve in with_number.items():
        found = curve.at(number)
        what = f"accuracy with {number} labels, {name}, {key}, %"
        run.report.find(what, Number.mean(found), headline=number == _NUMBERS[-1])
        if key != _COMPARED and _COMPARED in with_number:
            less = with_number[_COMPARED].at(number) - found
            what = f"accuracy with {number} labels, {name}, {_COMPARED} minus {key}, %"
            run.report.find(what, Number.mean(less))


def _draw_figure(
    run: Run, x: Tensor, found: Mapping[str, Mapping[str, LabelCurve]]
) -> None:
    """Draw accuracy over labels with bands, and the images x of MNIST that are asked for."""
    title = "labels that are asked for"
    with run.report.panels(columns=len(found) + 1, title=title) as axes:
        *left, last = axes[0]
        for ax, (name, curves) in zip(left, found.items(), strict=True):
            _draw_curves(ax, curves)
            ax.set_title(f"{name}, mean of {_NUM_SEEDS} seeds ± 2 standard errors")

        _draw_images(last, x, found["MNIST"])


def _draw_curves(ax: Axes, curves: Mapping[str, LabelCurve]) -> None:
    """Draw the accuracy of each learner over its labels."""
    from zoo.plots.curves import curve

    for number, (name, found) in enumerate(curves.items()):
        low = found.mean - 2 * found.error
        high = found.mean + 2 * found.error
        line = curve(ax, found.labels, 100 * found.mean, number, label=name)
        color = line.get_color()
        ax.fill_between(found.labels, 100 * low, 100 * high, color=color, alpha=0.15)

    for target in _PUBLISHED:
        ax.axhline(100 * target, color="grey", linewidth=1, linestyle="--")

    longest = 1.4 * curves[_COMPARED].labels[-1]
    ax.set(
        xlabel="labels", ylabel="test accuracy, %", ylim=(70, 100), xlim=(0, longest)
    )
    ax.legend(frameon=False, fontsize="small")


def _draw_images(ax: Axes, x: Tensor, curves: Mapping[str, LabelCurve]) -> None:
    """Draw the images that each learner asks for after its first fit, in their order."""
    sheets = []
    for curve in curves.values():
        start = curve.labels[0]
        rows = curve.asked[0, start : start + _SHOWN]
        sheets.append(torch.cat(list(x[rows, 0]), -1))

    sheet = torch.cat(sheets)
    height = x.shape[-2]
    centres = [height * (index + 0.5) for index in range(len(curves))]
    ax.imshow(sheet.numpy(), cmap="gray_r")
    ax.set_yticks(centres, list(curves))
    ax.set(xticks=[], title="asked for after the first fit, seed 0")


def _note(run: Run) -> None:
    """State what the numbers are of."""
    run.report.note(
        "Published are the labels for errors of 10 and 5 % under the same acquisition function, "
        "by a network with convolutions at every pixel, whose weight decay was chosen anew with "
        "100 further labels. They are recalled, not read again in the paper."
    )
    run.report.note(
        "A learner has 20 labels at the start, two of each class. A fit goes on from the weights "
        f"of the last one, with {_BALD.num_steps} steps for ten labels more; cold, it has as many "
        "steps from new weights. A learner chooses among 2,000 unlabelled images. Accuracies are "
        "of every fifth test image, and errors are over seeds."
    )
    run.report.note(
        "On validation images of one seed, BALD had 93 % right with 300 labels after fits of 50 "
        "steps that go on, 78 % after 100 steps from new weights, 90 % after 200, and 11 % after "
        "20: of a network that has learned nothing, it asks for noise. So fits go on. Rates and "
        "dropout were chosen in such trials, of digits on a fifth of the training part, after "
        "test curves of an earlier setting of digits had been seen."
    )
    run.report.note(
        "The number of labels is where the mean of three fits reaches the accuracy. A seed that "
        "does not reach it counts with its last number of labels."
    )


active_mnist = Experiment(
    name="active-mnist",
    question="how many labels does a network need that asks for those from which it learns most?",
    reference="Deep Bayesian Active Learning with Image Data (Gal, Islam, Ghahramani, 2017)",
    minutes=30,
    run=_run,
)
