"""prune-mnist, prune-cifar10, prune-ecg: accuracy of a posterior and of MAP by weights dropped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from torch import nn

from zoo import datasets
from zoo.datasets import Dataset, Split
from zoo.experiments.parts.fast_network import BATCH_SIZE, fast_network
from zoo.experiments.parts.pruning_curves import (
    RULES,
    choose_data,
    draw_curves,
    measure_curves,
)
from zoo.experiments.parts.talk_network import (
    CHANNELS,
    MNIST_METHOD,
    PUBLISHED_CHANNELS,
    fit_talk_network,
)
from zoo.experiments.running.method import Method
from zoo.experiments.running.run import Experiment, Run
from zoo.inference import SVI
from zoo.posterior.posterior import Posterior
from zoo.pruning import prune

_COMPARED = (  # a fit, and the rule by which its weights are dropped
    ("posterior", "density at zero"),
    ("posterior", "signal to noise"),
    ("MAP", "magnitude"),
)
_FAST_METHOD = Method(
    epochs=6,
    engine=partial(SVI, precision="bf16", deterministic=0.5),
    batch_size=BATCH_SIZE,
)
_PAIRED = 0.9  # the fraction at which both rules are compared on the whole test part
_NUM_SAMPLES = {"posterior": 12, "MAP": 1}  # as published


def _run_pruning(
    run: Run,
    data: Dataset,
    method: Method,
    published: Mapping[float, float],
    make_network: Callable[[], nn.Module] | None = None,
) -> None:
    """Fit a posterior and MAP, draw their curves, and compare them on the whole test part.

    Arguments:
        run: The run.
        data: The data.
        method: How both are fitted.
        published: Validation accuracy by the fraction dropped, read off the figure in
            the talk to 0.01.
        make_network: Makes another network than that of the talk.
    """
    fits = fit_talk_network(run, data, method, make_network=make_network)
    shown = choose_data(data.test)
    accuracies = measure_curves(run, fits, shown, _NUM_SAMPLES)
    _score_unpruned(run, fits, data.test, published)
    _score_pruned(run, fits, data.test, published)

    num_samples = _NUM_SAMPLES["posterior"]

    title = f"{data.name}: weights dropped, {num_samples} draws"
    draw_curves(run, title, accuracies, published)

    num_shown = len(shown.x)

    if not run.full and make_network is None:
        run.report.note(
            f"The network has {CHANNELS} channels, a third of the published {PUBLISHED_CHANNELS}."
        )

    run.report.note(
        f"The curve is of {num_shown} test data drawn at random; errors and differences are of "
        "all test data."
    )


def _score_unpruned(
    run: Run,
    fits: Mapping[str, Posterior],
    test: Split,
    published: Mapping[float, float],
) -> None:
    """State the errors with all weights."""
    theirs = {"posterior": _published_error(published, 0.0), "MAP": None}

    for name, posterior in fits.items():
        num_samples = _NUM_SAMPLES[name]
        scores = run.scores.add_posterior(name, posterior, test, num_samples)

        what = f"error of the {name}, %"
        error = scores["error %"]
        run.report.find(what, error, theirs[name], headline=True)
        run.state_bound(name)


def _score_pruned(
    run: Run,
    fits: Mapping[str, Posterior],
    test: Split,
    published: Mapping[float, float],
) -> None:
    """State what dropping weights loses, as paired differences, at the published fractions."""
    unpruned_error = _published_error(published, 0.0)
    fractions = [fraction for fraction in published if fraction > 0]

    for name, rule in _COMPARED:
        for fraction in fractions:
            if rule == "signal to noise" and fraction != _PAIRED:
                continue  # the curve has it

            key = f"{name}, {fraction:.1%} dropped by {rule}"
            pruned = prune(fits[name], fraction=fraction, rule=RULES[rule])
            run.scores.add_posterior(key, pruned, test, _NUM_SAMPLES[name])
            loss = run.scores.difference(key, name)["error %"]

            theirs = None
            if rule == "density at zero":
                error = _published_error(published, fraction)
                theirs = error - unpruned_error

            what = f"error of the {key}, minus all weights, %"
            run.report.find(what, loss, theirs, headline=fraction == _PAIRED)


def _published_error(published: Mapping[float, float], fraction: float) -> float:
    """Return the published error in per cent."""
    error = 1 - published[fraction]
    return round(100 * error, 1)


def _run_mnist(run: Run) -> None:
    """Prune on MNIST."""
    data = run.dataset(datasets.mnist, num_validation=5_000)

    published = {0.0: 0.97, 0.72: 0.96, 0.9: 0.95, 0.93: 0.93, 0.96: 0.84}
    _run_pruning(run, data, MNIST_METHOD, published)


def _run_cifar10(run: Run) -> None:
    """Prune on CIFAR-10."""
    data = run.dataset(datasets.cifar10, num_validation=5_000)

    published = {0.0: 0.66, 0.82: 0.66, 0.9: 0.65, 0.95: 0.60, 0.99: 0.36}
    if run.full:
        _run_pruning(run, data, Method(60, batch_size=128), published)
        return

    make_network = partial(fast_network, data)
    _run_pruning(run, data, _FAST_METHOD, published, make_network)
    run.report.note(
        "The network is `networks.FastConvNet`, the published one the talk's."
    )


def _run_ecg(run: Run) -> None:
    """Prune on heart beats."""
    data = run.dataset(datasets.ecg5000, num_validation=100)

    published = {0.0: 1.0, 0.9: 1.0, 0.96: 0.99, 0.985: 0.98}
    _run_pruning(run, data, Method(2_000, batch_size=128), published)
    run.report.note(
        "The published accuracy is of 10 batches of 64 series. The test series are sorted by "
        "class, and the first 2,627 are normal beats: there our accuracy is near 1.00 too."
    )


_REFERENCE = (
    "Bayesian deep learning with 10 % of the weights (Romijnders, 2019), a talk"
)
_QUESTION = "how many weights can be dropped by their posterior density at zero, on {}?"

prune_mnist = Experiment(
    name="prune-mnist",
    question=_QUESTION.format("MNIST"),
    reference=_REFERENCE,
    minutes=6,
    run=_run_mnist,
)
prune_cifar10 = Experiment(
    name="prune-cifar10",
    question=_QUESTION.format("CIFAR-10"),
    reference=_REFERENCE,
    minutes=15,
    run=_run_cifar10,
)
prune_ecg = Experiment(
    name="prune-ecg",
    question=_QUESTION.format("heart beats"),
    reference=_REFERENCE,
    minutes=10,
    run=_run_ecg,
)
