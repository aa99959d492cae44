"""Half the filters of LeNet on MNIST, as zeros and removed: seconds, bytes, accuracy.

    python -m benchmarks.pruning --mnist FOLDER

It takes ten minutes, prints the tables and writes results/pruning.json.

Gal's LeNet (20 and 50 filters, 500 units) is fitted by `LocalReparam`. Half the filters
and units of every layer are dropped, those of the smallest means. The smaller network is
fitted for one more epoch, and compared with one that has half the width from the start.
Single weights are dropped by their density at zero. Predictions are of 1000 images with
10 draws. Seconds are processor seconds on one thread, medians over rounds in which all
posteriors take turns; a training step is timed at both widths in the same way.

A Comprehensive guide to Bayesian Convolutional Neural Network with Variational
Inference (Shridhar, Laumann, Liwicki, 2019), section 6; Pruning Filters for Efficient
ConvNets (Li, Kadav, Durdanovic, Samet, Graf, 2017).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pyro
import torch

import guides
import zoo
from benchmarks.record import write
from guides import LocalReparam
from zoo import datasets, inference, likelihoods, metrics, networks, priors, pruning
from zoo.datasets import Dataset
from zoo.posterior.posterior import Posterior
from zoo.reports.table import Table

RESULTS = Path(__file__).parent / "results" / "pruning.json"
IMAGES = 1000
DRAWS = 10
STEPS = 10  # of training, timed together
WIDTH = 500


def fitted(
    width: int, data: Dataset, arguments: argparse.Namespace, **length: int
) -> Posterior:
    """Fit a LeNet of a width; `length` as for `fit`."""
    pyro.set_rng_seed(0)
    network = networks.LeNet(width=width)
    prior = priors.WeightPrior(priors.fan_in())
    model = zoo.BayesianNetwork(network, prior, likelihoods.Categorical())

    guide = guides.LocalReparam(model, max_scale=0.1)
    return fit(model, guide, data, arguments, **length)


def fit(
    model: zoo.BayesianNetwork,
    guide: LocalReparam,
    data: Dataset,
    arguments: argparse.Namespace,
    **length: int,
) -> Posterior:
    """Fit a guide with a learning rate that decreases as a cosine.

    Arguments:
        model: The model.
        guide: The guide.
        data: The data set.
        arguments: The arguments of the command.
        length: `num_steps` or `num_epochs`; the command's epochs by default.
    """
    length = length or {"num_epochs": arguments.epochs}
    num_steps = length.get("num_steps")
    if num_steps is None:
        batches = -(-len(data.train.x) // arguments.batch)  # rounded up
        num_steps = length["num_epochs"] * batches

    decay = partial(torch.optim.lr_scheduler.CosineAnnealingLR, T_max=num_steps)
    engine = inference.SVI(
        model,
        guide,
        lr=3e-3,
        scheduler=decay,
        compile="plain",
        progress=False,
        **length,
    )

    return engine.fit(data.train, batch_size=arguments.batch)


def medians(calls: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the median processor seconds of each call; the calls take turns."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            began = time.process_time()
            call()
            seconds[name].append(time.process_time() - began)

    return {name: statistics.median(values) for name, values in seconds.items()}


def compared(data: Dataset, arguments: argparse.Namespace) -> dict[str, Posterior]:
    """Fit, prune and shrink, and return the posteriors by name."""
    images = data.test.x[:IMAGES]
    whole = fitted(WIDTH, data, arguments)
    half = zoo.prune(whole, fraction=0.5, rule=pruning.filter_norm, per_layer=True)
    small = pruning.shrink(half, images)

    guide = small.scoped.snapshot(small.model).guide
    longer = fit(small.model, guide, data, arguments, num_epochs=1)

    return {
        "whole": whole,
        "half the filters, as zeros": half,
        "half the filters, taken out": small,
        "the same, an epoch on": longer,
        "half the width from the start": fitted(WIDTH // 2, data, arguments),
        "half the weights, as zeros": zoo.prune(whole, fraction=0.5),
        "90 % of the weights, as zeros": zoo.prune(whole, fraction=0.9),
    }


def row_of(
    name: str, posterior: Posterior, seconds: float, data: Dataset
) -> dict[str, object]:
    """Return the size and the scores of a posterior.

    Arguments:
        name: The name of the posterior.
        posterior: The posterior.
        seconds: Seconds of a prediction.
        data: The data set, whose test part is predicted.
    """
    prediction = posterior.predict(data.test.x, DRAWS, progress=False)
    accuracy = metrics.accuracy(prediction.probs, data.test.y)
    nll = metrics.nll(prediction.log_prob(data.test.y))

    weights = 0
    for parameter in posterior.model.network.parameters():
        weights += parameter.numel()
    left = 0
    for value in posterior.sample(1).values():
        left += int((value[0] != 0).sum())

    return {
        "posterior": name,
        "weights": weights,
        "left": left,
        "megabytes": megabytes_of(posterior),
        "seconds": seconds,
        "accuracy": float(accuracy),
        "nll": float(nll),
    }


def megabytes_of(posterior: Posterior) -> float:
    """Return the size of a posterior's file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "posterior.safetensors"
        posterior.save(path)
        return path.stat().st_size / 1e6


def parsed() -> argparse.Namespace:
    """Parse the arguments of the command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.pruning", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--mnist", type=Path, required=True, help="folder with MNIST/raw"
    )
    parser.add_argument(
        "--epochs",
        type=int,
        default=2,
        help="epochs of each fit; the smaller network has one more",
    )
    parser.add_argument("--batch", type=int, default=128, help="images in a batch")
    parser.add_argument(
        "--num-train", type=int, default=None, help="training images; all by default"
    )
    parser.add_argument("--rounds", type=int, default=5, help="rounds of timing")
    parser.add_argument(
        "--out", type=Path, default=RESULTS, help="file for the results"
    )

    return parser.parse_args()


def main() -> None:
    """Fit, prune, shrink, measure, and write the tables."""
    arguments = parsed()
    torch.set_num_threads(1)
    data = datasets.mnist(arguments.mnist, num_train=arguments.num_train)
    images = data.test.x[:IMAGES]

    posteriors = compared(data, arguments)
    predictions = {}
    for name, posterior in posteriors.items():
        predictions[name] = partial(posterior.predict, images, DRAWS, progress=False)
    seconds = medians(predictions, arguments.rounds)

    rows = []
    for name, posterior in posteriors.items():
        rows.append(row_of(name, posterior, seconds[name], data))

    fits = {}
    for width in (WIDTH, WIDTH // 2):
        fits[str(width)] = partial(fitted, width, data, arguments, num_steps=STEPS)
    step = {}
    for width, cost in medians(fits, arguments.rounds).items():
        step[width] = cost / STEPS

    cells = [tuple(row.values()) for row in rows]
    print(Table(tuple(rows[0]), cells, {"megabytes": 2, "accuracy": 4}))
    heading = "seconds of a training step"
    print(Table(("width", heading), list(step.items()), {heading: 4}))

    settings = dict(vars(arguments))
    del settings["mnist"], settings["out"]
    write(arguments.out, {"table": rows, "training step": step, "settings": settings})


if __name__ == "__main__":
    main()
