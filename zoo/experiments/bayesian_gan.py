"""bayesian-gan: draws of generators and discriminators by SGHMC, and GANs by Adam."""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import Any

import torch
from torch import Tensor

from zoo import datasets, likelihoods
from zoo.experiments.parts.gan_fits import (
    BAYES,
    ENSEMBLE,
    LONG,
    RELEASED,
    fit_pictures,
    fit_synthetic,
)
from zoo.experiments.parts.gan_labels import (
    NUM_CLASSES,
    LabelCase,
    few_labels,
    semi_supervised,
    supervised,
)
from zoo.experiments.parts.gan_panels import draw_gans
from zoo.experiments.parts.gan_pictures import pictures_of
from zoo.experiments.parts.gan_synthetic import NUM_CHAINS, PROBLEMS
from zoo.experiments.running.run import Experiment, Run
from zoo.experiments.running.scores import Number
from zoo.predictive.prediction import Prediction

_NUM_SEEDS = {"synthetic": 6, "labels": 3}
_NUM_SAMPLES = 20  # draws for a prediction of classes
_NUM_SYNTHETIC = 10_000
_NUM_UNLABELLED = 20_000
_NUM_LABELS = 100
_EPOCHS = {"synthetic": 10, "semi": 4, "supervised": 200}
_PICTURES = {"emoji": (3_900, 16), "fashion_mnist": (15_000, 4)}  # and epochs
_EXACT, _WEIGHTED = "each label once", "labels as often as images"
_ALONE, _GAN = "posterior of labels", "Bayesian GAN"


def _run(run: Run) -> None:
    """Fit the synthetic problems, pictures and digits of which few have a label."""
    synthetic = {name: _synthetic(run, name) for name in PROBLEMS}
    pictures = {name: _pictures(run, name) for name in _PICTURES}
    _labels(run)

    for name, found in synthetic.items():
        _state_synthetic(run, name, found)
    for name, found in pictures.items():
        _state_pictures(run, name, found)
    _state_labels(run)

    plane = synthetic["clusters"][0]["plane"]
    draw_gans(run, plane, pictures, _errors(run), _NUM_LABELS)
    _add_notes(run)


def _epochs(run: Run, number: int) -> int:
    """Return how many of so many passes through the data fit into the budget of the run."""
    share = min(1.0, run.minutes / bayesian_gan.minutes)
    return max(2, round(share * number))


def _synthetic(run: Run, problem: str) -> list[dict[str, Any]]:
    """Fit one synthetic problem from several seeds; seed 0 was used to choose rates."""
    epochs = _epochs(run, _EPOCHS["synthetic"])
    found = []
    for number in range(1, _NUM_SEEDS["synthetic"] + 1):
        seed = run.seed + number
        make = partial(fit_synthetic, problem, _NUM_SYNTHETIC, epochs, seed)
        key = f"{problem}, seed {number}"
        found.append(run.keep(key, make, problem=problem, epochs=epochs, seed=seed))

    return found


def _pictures(run: Run, name: str) -> dict[str, Any]:
    """Fit DCGANs to pictures in both ways, and return a row of pictures for each generator."""
    number, epochs = _PICTURES[name]
    data = run.dataset(getattr(datasets, name), num_train=number)
    x, epochs = pictures_of(data.train, data).x, _epochs(run, epochs)
    make = partial(fit_pictures, x, epochs, run.seed)

    return run.keep(name, make, pictures=x, epochs=epochs, seed=run.seed)


def _labels(run: Run) -> None:
    """Score all methods on draws of 100 labels."""
    data = run.dataset(datasets.mnist, num_train=_NUM_UNLABELLED)
    train, test = pictures_of(data.train, data), pictures_of(data.test, data)
    alone, together = (_epochs(run, _EPOCHS[kind]) for kind in ("supervised", "semi"))
    for number in range(1, _NUM_SEEDS["labels"] + 1):
        seed = run.seed + number
        few = few_labels(train, _NUM_LABELS // NUM_CLASSES, seed)
        weights = {_EXACT: 1.0, _WEIGHTED: len(train.x) / len(few.x)}
        for weighting, weight in weights.items():
            case = LabelCase(few, test.x, alone, weight, seed, _NUM_SAMPLES)
            fits = {
                _ALONE: partial(supervised, case),
                _GAN: partial(semi_supervised, case, train.x, together),
            }
            for method, fit in fits.items():
                name = _draw_name(method, weighting, number)
                epochs = [alone] if method == _ALONE else [alone, together]
                of = {"few": few.x, "epochs": epochs, "weight": weight, "seed": seed}
                found = run.keep(name, fit, **of)
                outputs = found["probabilities"].clamp_min(1e-12).log()[None]
                predict = partial(Prediction, likelihoods.Categorical(), outputs)
                run.scores.add(name, predict, test.y)
                what = f"kinetic temperature, {name}"
                run.report.find(what, found["temperature"], 1.0)


def _draw_name(method: str, weighting: str, number: int) -> str:
    """Return the name of a method with a draw of the labels."""
    return f"{method}, {weighting}, draw {number}"


def _state_synthetic(run: Run, problem: str, found: list[dict[str, Any]]) -> None:
    """State the divergence of each method over seeds, and gains of the Bayesian GAN."""
    by_name = {}
    for name in found[0]["divergence"]:
        by_name[name] = torch.tensor([each["divergence"][name] for each in found])

    by_name[f"one draw of the {BAYES}"] = torch.tensor(
        [each["of one"] for each in found]
    ).mean(1)
    for name, values in by_name.items():
        what = f"Jensen-Shannon divergence, {problem}, {name}, nats"
        run.report.find(what, Number.mean(values), headline=name == BAYES)

    for other in (ENSEMBLE, LONG, RELEASED):
        gain = Number.mean(by_name[BAYES] - by_name[other])
        what = f"Jensen-Shannon divergence, {problem}, {BAYES} minus {other}, nats"
        run.report.find(what, gain, headline=other == ENSEMBLE)

    for name in found[0]["seconds"]:
        values = torch.tensor([each["seconds"][name] for each in found])
        what = f"seconds of the processor, {problem}, {name}"
        run.report.find(what, Number.mean(values))

    for side, place in (("generators", 0), ("discriminators", 1)):
        values = torch.tensor([each["temperatures"][place] for each in found])
        what = f"kinetic temperature, {problem}, {side}"
        run.report.find(what, Number.mean(values), 1.0)


def _state_pictures(run: Run, name: str, found: dict[str, Any]) -> None:
    """State how far pictures are from real ones, and how different those of generators are."""
    for method, scores in found.items():
        if "rows" not in scores:
            continue

        what = f"distance, {name}, {method}, variances of the data"
        run.report.find(what, scores["distance"])
        singles = Number.mean(torch.tensor(scores["distances of one"]))
        run.report.find(f"distance, {name}, one of the {method}", singles)
        what = f"share of variance between generators, {name}, {method}"
        run.report.find(what, scores["spread"])


def _errors(run: Run) -> dict[tuple[str, str], Tensor]:
    """Return the test error in per cent of each method, a value for each draw of labels."""
    found = {}
    for method, weighting in product((_ALONE, _GAN), (_EXACT, _WEIGHTED)):
        values = []
        for number in range(1, _NUM_SEEDS["labels"] + 1):
            scores = run.scores[_draw_name(method, weighting, number)]
            values.append(scores["error %"].value)

        found[method, weighting] = torch.tensor(values)

    return found


def _state_labels(run: Run) -> None:
    """State errors over draws of the labels, and what data without a label give."""
    errors = _errors(run)
    for (method, weighting), values in errors.items():
        name = f"{method}, {weighting}"
        run.report.find(f"error, {name}, %", Number.mean(values), headline=True)
        spread = float(values.std())
        run.report.find(f"standard deviation over draws of labels, {name}, %", spread)

    for weighting in (_EXACT, _WEIGHTED):
        gain = Number.mean(errors[_GAN, weighting] - errors[_ALONE, weighting])
        what = f"error, {_GAN} minus {_ALONE}, {weighting}, %"
        run.report.find(what, gain, headline=True)


def _add_notes(run: Run) -> None:
    """Say what the numbers are of."""
    note = run.report.note
    note(
        f"Synthetic: {NUM_CHAINS} generators and {NUM_CHAINS} discriminators move in turn by "
        "SGHMC at temperature 1 from draws of the prior. What is made is by all draws of the last "
        "half of the epochs. The two conditional posteriors are not those of one joint density, "
        "so no number here is an expectation under a posterior of both."
    )
    note(
        f"{ENSEMBLE} are trained by Adam, each against a discriminator of its own, with as many "
        "steps as a chain; one GAN has five times the steps. The released program trains five "
        "generators against one discriminator by Adam, with its prior and noise in the loss. "
        "Rates are 0.005 (SGHMC, from three) and 2e-4 (Adam, from three), chosen on data of "
        "another seed."
    )
    note(
        "The problems are those of the paper (linear) and of its program (ten clusters). The "
        "paper shows divergences in a figure alone, and its networks have 1000 units, ours 200. "
        "Errors are over draws of the problem or of the labels, for pictures there is one seed."
    )
    note(
        "Pictures: DCGANs of width 16 and 1,900 steps of 32 pictures, three generators each way. "
        "The chains have filter response normalisation with gains near 1, the GANs by Adam (rate "
        "1e-3) normalise batches as published. Distances are in 50 principal components of pixels."
    )
    note(
        f"Digits: {_NUM_UNLABELLED:,} without a label, two generators and two discriminators that "
        "begin at draws of the posterior of the labels, 20 draws for a prediction. Labels as "
        "often as images is the weight N/L, as programs for few labels have it: a generalised "
        "posterior, in which 100 labels are as sure as N would be. The posterior of labels, with "
        "five chains, has the same weight. Rates were chosen on 2,000 training images with other "
        "labels. The published networks are larger and match features; their error is about 1 %."
    )


bayesian_gan = Experiment(
    name="bayesian-gan",
    question="do draws of generators by SGHMC make what one trained generator leaves out?",
    reference="Bayesian GAN (Saatci, Wilson, 2017)",
    minutes=30,
    run=_run,
)
