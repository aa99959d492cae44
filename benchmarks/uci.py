"""Gal's UCI table: MC dropout and deep ensembles on his twenty splits.

    python -m benchmarks.uci --path UCI_Datasets
    python -m benchmarks.uci --data yacht --epochs 400 --splits 5

The first command takes about an hour for the five data sets on two cores, the second is
quick. The table has the published numbers next to ours.

Dropout as a Bayesian Approximation (Gal, Ghahramani, 2016), and the authors' repository
of 2018: one hidden layer of 50 rectified units, Adam at 1e-3, batches of 128, 4000
epochs, dropout rate and noise precision chosen by log likelihood on a fifth of the
training part, lengthscale 0.01, 10,000 draws. Simple and Scalable Predictive Uncertainty
Estimation using Deep Ensembles (Lakshminarayanan, Pritzel, Blundell, 2017): five networks
with a learned noise at every input, 40 epochs, batches of 100; the learning rate is
chosen in the same way.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pyro
import torch
from torch import Tensor

from benchmarks.many import fit_many
from benchmarks.record import write
from benchmarks.uci_methods import (
    METHODS,
    Member,
    Method,
    build,
    middle,
    outputs_of,
    standardised,
)
from benchmarks.uci_table import summary
from zoo import datasets, metrics
from zoo.datasets import Dataset
from zoo.predictive.prediction import Prediction

RESULTS = Path(__file__).parent / "results"


class Training(NamedTuple):
    """A data set, and the part of its training data that a fit uses.

    Arguments:
        data: The data set.
        x: Inputs, (N, D).
        y: Targets, (N, 1).
    """

    data: Dataset
    x: Tensor
    y: Tensor


class Mark(NamedTuple):
    """The scores of one noise precision, in original units.

    Arguments:
        rmse: Root mean square error.
        log_lik: Log likelihood per datum, in nats.
    """

    rmse: float
    log_lik: float


class Choice(NamedTuple):
    """A choice of hyperparameters, ordered by its log likelihood.

    Arguments:
        log_lik: Log likelihood per datum on held-out data.
        choice: The value of the method's hyperparameter.
        tau: The noise precision.
    """

    log_lik: float
    choice: float
    tau: float


def fit(
    method: Method,
    trainings: Sequence[Training],
    choice: float,
    tau: float,
    epochs: int,
    label: str,
) -> list[list[Member]]:
    """Fit all members for all data sets at once, and return them by data set.

    Arguments:
        method: The method.
        trainings: The data sets.
        choice: The value of the method's hyperparameter.
        tau: The noise precision.
        epochs: Number of epochs.
        label: Text of the progress bar.
    """
    each = method.members
    members = []
    inputs = []
    targets = []
    for training in trainings:
        for _ in range(each):
            members.append(build(method, training.data, choice, tau))
            inputs.append(training.x)
            targets.append(training.y)

    x = torch.stack(inputs)
    y = torch.stack(targets)
    num_data = x.shape[1]
    batch_size = min(method.batch_size, num_data)
    num_steps = -(-epochs * num_data // batch_size)  # rounded up

    fit_many(
        members[0].model,
        [member.guide for member in members],
        x,
        y,
        num_steps=num_steps,
        batch_size=method.batch_size,
        lr=method.lr(choice),
        label=label,
    )
    starts = range(0, len(members), each)

    return [members[start : start + each] for start in starts]


def marks_of(
    method: Method,
    data: Dataset,
    members: Sequence[Member],
    held_out: tuple[Tensor, Tensor],
    taus: Sequence[float],
    draws: int,
) -> list[Mark]:
    """Return the scores of a fit for each noise precision.

    Arguments:
        method: The method.
        data: The data set.
        members: The fitted networks.
        held_out: Standardised inputs (N, D) and targets (N, 1).
        taus: Noise precisions in original units.
        draws: Number of draws behind a prediction.
    """
    x, y = held_out
    with torch.no_grad():
        outputs = torch.cat([outputs_of(member, x, draws) for member in members])
        y = data.y_units.restore(y)

        marks = []
        for tau in taus:
            likelihood = method.likelihood(standardised(tau, data))
            prediction = Prediction(likelihood, outputs, {})
            prediction = data.in_original_units(prediction)
            rmse = metrics.rmse(prediction.mean, y)
            log_lik = prediction.log_prob(y).mean()
            marks.append(Mark(float(rmse), float(log_lik)))
        return marks


def evaluate(
    name: str, method: Method, splits: Sequence[Dataset], epochs: int
) -> dict[str, object]:
    """Choose on a fifth of each training part, fit again on all of it, and score the test part.

    Arguments:
        name: The name of the data set.
        method: The method.
        splits: The splits of the data set.
        epochs: Number of epochs of each fit.
    """
    began = time.perf_counter()
    best = choose(name, method, splits, epochs)

    rows: dict[int, dict[str, float]] = {}
    for choice in method.choices:
        own = [number for number, found in enumerate(best) if found.choice == choice]
        if not own:
            continue

        whole = [Training(splits[number], *splits[number].train) for number in own]
        tau = middle(method, name)
        label = f"{name}, {choice}, all data"
        fitted = fit(method, whole, choice, tau, epochs, label)
        for number, members in zip(own, fitted, strict=True):
            data = splits[number]
            tau = best[number].tau
            (mark,) = marks_of(method, data, members, data.test, (tau,), method.draws)
            rows[number] = {
                "split": number,
                "rmse": mark.rmse,
                "log_lik": mark.log_lik,
                "choice": choice,
                "tau": tau,
            }

    in_order = [rows[number] for number in range(len(splits))]
    seconds = time.perf_counter() - began

    return {"rows": in_order, "epochs": epochs, "seconds": seconds}


def choose(
    name: str, method: Method, splits: Sequence[Dataset], epochs: int
) -> list[Choice]:
    """Choose the hyperparameters of each split on a fifth of its training part."""
    kept = round(0.8 * len(splits[0].train.x))
    parts = []
    for data in splits:
        x, y = data.train
        parts.append(Training(data, x[:kept], y[:kept]))

    taus = method.taus.get(name, (1.0,))
    draws = min(1000, method.draws)

    found: list[list[Choice]] = [[] for _ in splits]
    for choice in method.choices:
        label = f"{name}, {choice}, 4/5 of the data"
        fitted = fit(method, parts, choice, middle(method, name), epochs, label)
        for number, members in enumerate(fitted):
            data = splits[number]
            held_out = (data.train.x[kept:], data.train.y[kept:])
            marks = marks_of(method, data, members, held_out, taus, draws)
            for tau, mark in zip(taus, marks, strict=True):
                found[number].append(Choice(mark.log_lik, choice, tau))

    return [max(choices) for choices in found]


def parsed() -> argparse.Namespace:
    """Parse the arguments of the command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.uci", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--data",
        default="yacht,boston,energy,concrete,wine",
        help="names, comma-separated",
    )
    parser.add_argument(
        "--method", default="DeepEnsemble,MCDropout", help="names, comma-separated"
    )
    parser.add_argument(
        "--path",
        type=Path,
        help="Gal's UCI_Datasets; by default only yacht, energy and concrete exist",
    )
    parser.add_argument(
        "--splits", type=int, default=20, help="number of the 20 splits to run"
    )
    parser.add_argument("--epochs", type=int, help="epochs; the authors' by default")
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of all random numbers"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=RESULTS / "uci.json",
        help="file for the results; those in it are not computed again",
    )

    return parser.parse_args()


def main() -> None:
    """Compute the results that the file does not have, and print the table."""
    arguments = parsed()
    results = {}
    if arguments.out.exists():
        results = json.loads(arguments.out.read_text())["results"]

    for method in arguments.method.split(","):
        for name in arguments.data.split(","):
            key = f"{method} {name}"
            if key in results:
                continue

            pyro.set_rng_seed(arguments.seed)
            splits = []
            for split in range(arguments.splits):
                splits.append(datasets.uci(name, split, path=arguments.path))

            epochs = arguments.epochs or METHODS[method].epochs
            result = evaluate(name, METHODS[method], splits, epochs)
            results[key] = result
            write(arguments.out, {"results": results, "seed": arguments.seed})
            table = summary({key: result})
            print(f"{key}: {result['seconds']:.0f} s\n{table}", flush=True)

    print(summary(results))


if __name__ == "__main__":
    main()
