"""Half the filters of LeNet on MNIST, as zeros and taken out: seconds, bytes, accuracy.

    python -m benchmarks.pruning --mnist FOLDER       ten minutes; prints the tables and writes results/pruning.json

Gal's LeNet (20 and 50 filters, 500 units) learns by `LocalReparam`. Half the filters
and units of every layer go, those whose means are smallest; the smaller network is
fitted on for an epoch, and stands beside one that was half as wide from the start.
Weights go one by one by their density at zero. Predictions are of 1000 images with 10
draws. Seconds are a processor's, on one thread, medians over rounds in which all take
turns: of a step of training at both widths too.

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
from zoo import datasets, inference, likelihoods, metrics, networks, priors, pruning
from zoo.posterior.posterior import Posterior
from zoo.reports.table import Table

RESULTS = Path(__file__).parent / "results" / "pruning.json"
IMAGES, DRAWS, STEPS = 1000, 10, 10


def fitted(
    width: int, data: datasets.Dataset, arguments: argparse.Namespace, **options: int
) -> Posterior:
    """Fit a LeNet of a width."""
    pyro.set_rng_seed(0)
    model = zoo.BayesianNetwork(
        networks.LeNet(width=width),
        priors.WeightPrior(priors.fan_in()),
        likelihoods.Categorical(),
    )
    return fit(
        model, guides.LocalReparam(model, max_scale=0.1), data, arguments, **options
    )


def fit(
    model: zoo.BayesianNetwork,
    guide: object,
    data: datasets.Dataset,
    arguments: argparse.Namespace,
    **options: int,
) -> Posterior:
    """Fit a guide for epochs of a rate that falls as a cosine."""
    options = options or {"num_epochs": arguments.epochs}
    steps = options.get("num_steps") or options["num_epochs"] * -(
        -len(data.train.x) // arguments.batch
    )
    decay = partial(torch.optim.lr_scheduler.CosineAnnealingLR, T_max=steps)
    engine = inference.SVI(
        model,
        guide,
        lr=3e-3,
        scheduler=decay,
        compile="plain",
        progress=False,
        **options,
    )
    return engine.fit(data.train, batch_size=arguments.batch)


def medians(calls: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the median seconds of each call, all taking turns."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            began = time.process_time()
            call()
            seconds[name].append(time.process_time() - began)
    return {name: statistics.median(values) for name, values in seconds.items()}


def row(
    name: str, posterior: Posterior, seconds: float, data: datasets.Dataset
) -> dict[str, object]:
    """Return size and scores of a posterior."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "posterior.safetensors"
        posterior.save(path)
        megabytes = path.stat().st_size / 1e6
    prediction = posterior.predict(data.test.x, DRAWS, progress=False)
    return {
        "posterior": name,
        "weights": sum(
            parameter.numel() for parameter in posterior.model.network.parameters()
        ),
        "left": sum(
            int((value[0] != 0).sum()) for value in posterior.sample(1).values()
        ),
        "megabytes": megabytes,
        "seconds": seconds,
        "accuracy": float(metrics.accuracy(prediction.probs, data.test.y)),
        "nll": float(metrics.nll(prediction.log_prob(data.test.y))),
    }


def main() -> None:
    """Fit, prune, shrink, clock, and write the tables."""
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
        "--num-train", type=int, default=None, help="training images; all"
    )
    parser.add_argument("--rounds", type=int, default=5, help="rounds of the clock")
    parser.add_argument(
        "--out", type=Path, default=RESULTS, help="where the results go"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    data = datasets.mnist(arguments.mnist, num_train=arguments.num_train)
    images = data.test.x[:IMAGES]

    whole = fitted(500, data, arguments)
    half = zoo.prune(whole, fraction=0.5, rule=pruning.filter_norm, per_layer=True)
    small = pruning.shrink(half, images)
    on = fit(
        small.model,
        small.scoped.snapshot(small.model).guide,
        data,
        arguments,
        num_epochs=1,
    )
    posteriors = {
        "whole": whole,
        "half the filters, as zeros": half,
        "half the filters, taken out": small,
        "the same, an epoch on": on,
        "half the width from the start": fitted(250, data, arguments),
        "half the weights, as zeros": zoo.prune(whole, fraction=0.5),
        "90 % of the weights, as zeros": zoo.prune(whole, fraction=0.9),
    }
    calls = {
        name: partial(p.predict, images, DRAWS, progress=False)
        for name, p in posteriors.items()
    }
    seconds = medians(calls, arguments.rounds)
    rows = [
        row(name, posterior, seconds[name], data)
        for name, posterior in posteriors.items()
    ]
    steps = medians(
        {
            str(width): partial(fitted, width, data, arguments, num_steps=STEPS)
            for width in (500, 250)
        },
        arguments.rounds,
    )
    step = {width: value / STEPS for width, value in steps.items()}
    print(
        Table(
            tuple(rows[0]),
            [tuple(line.values()) for line in rows],
            {"megabytes": 2, "accuracy": 4},
        )
    )
    print(
        Table(
            ("width", "seconds of a training step"),
            list(step.items()),
            {"seconds of a training step": 4},
        )
    )
    settings = {
        name: value
        for name, value in vars(arguments).items()
        if name not in ("mnist", "out")
    }
    write(arguments.out, {"table": rows, "training step": step, "settings": settings})


if __name__ == "__main__":
    main()
