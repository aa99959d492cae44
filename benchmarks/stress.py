"""What stress costs: PGD through 20 draws and the corruption suite, against passes by hand.

    python -m benchmarks.stress --mnist FOLDER

It takes five minutes, prints a table and writes results/stress.json.

The posterior is `MeanField` after two steps on 1000 test images of MNIST: the cost of a
pass does not depend on what was learnt. By hand is one forward pass for every draw, image
and severity of the suite, and one forward and backward pass for every step of PGD, a
hundred images at once. Stress also makes the corruptions, and evaluates with other draws.
Processor seconds are those of `process_time`, seconds those of a clock; megabytes are the
growth of the peak resident memory. PGD has ten steps: Towards Deep Learning Models
Resistant to Adversarial Attacks (Madry, Makelov, Schmidt, Tsipras, Vladu, 2018).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyro
import pyro.distributions as dist
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import guides
import zoo
from benchmarks.memory import peak, start_counting
from benchmarks.record import write
from zoo import datasets, inference, likelihoods, networks, priors, stress
from zoo.datasets import Dataset, Split
from zoo.posterior.posterior import Posterior
from zoo.reports.table import Table
from zoo.stress.corruptions import GREY

RESULTS = Path(__file__).parent / "results" / "stress.json"
NETWORKS = {"LeNet5": networks.LeNet5, "LeNet": networks.LeNet}
IMAGES = 1000
DRAWS = 20
STEPS = 10
SEVERITIES = 5
BATCH = 100  # images in a pass by hand
RADIUS = 0.15


def posterior_of(network: nn.Module, train: Split) -> Posterior:
    """Return a posterior of a network's weights after two steps."""
    pyro.set_rng_seed(0)
    prior = priors.WeightPrior(dist.Normal(0.0, 0.1))
    model = zoo.BayesianNetwork(network, prior, likelihoods.Categorical())
    guide = guides.MeanField(model, init_scale=0.02)

    engine = inference.SVI(model, guide, num_steps=2, progress=False)
    return engine.fit((train.x[:128], train.y[:128]))


def forward(network: nn.Module, x: Tensor) -> None:
    """Pass all images through the network once."""
    with torch.no_grad():
        for part in x.split(BATCH):
            network(part)


def backward(network: nn.Module, x: Tensor, y: Tensor) -> None:
    """Compute the gradient of the loss with respect to every pixel once."""
    for part, labels in zip(x.split(BATCH), y.split(BATCH), strict=True):
        pixels = part.clone().requires_grad_()
        loss = F.cross_entropy(network(pixels), labels)
        torch.autograd.grad(loss, pixels)


def measured(call: Callable[[], object]) -> dict[str, float]:
    """Return the seconds of a call, by processor and by clock, and its megabytes."""
    before = start_counting("cpu")
    processor = time.process_time()
    clock = time.perf_counter()
    call()

    return {
        "processor seconds": time.process_time() - processor,
        "seconds": time.perf_counter() - clock,
        "megabytes": peak("cpu") - before,
    }


def least_seconds(call: Callable[[], object], repeats: int = 3) -> float:
    """Return the least processor seconds of several calls."""
    seconds = []
    for _ in range(repeats):
        cost = measured(call)
        seconds.append(cost["processor seconds"])

    return min(seconds)


def rows_of(name: str, data: Dataset) -> list[dict[str, object]]:
    """Measure attacks and corruptions of one network."""
    network = NETWORKS[name]().requires_grad_(False).eval()
    posterior = posterior_of(NETWORKS[name](), data.train)
    x, y = data.test

    forward_seconds = least_seconds(lambda: forward(network, x))
    backward_seconds = least_seconds(lambda: backward(network, x, y))
    options = {"num_samples": DRAWS, "progress": False}

    attack = measured(lambda: stress.pgd(posterior, data, radius=RADIUS, **options))
    by_hand = STEPS * DRAWS * backward_seconds
    attack_row = row_of(name, "PGD-10", attack, by_hand)

    suite = measured(lambda: stress.corruptions(posterior, data, **options))
    by_hand = len(GREY) * SEVERITIES * DRAWS * forward_seconds
    suite_row = row_of(name, "corruptions", suite, by_hand)

    return [attack_row, suite_row]


def row_of(
    network: str, what: str, cost: dict[str, float], by_hand: float
) -> dict[str, object]:
    """Return a row of the table, and print it.

    Arguments:
        network: The name of the network.
        what: The call that was measured.
        cost: Its seconds and megabytes.
        by_hand: Processor seconds of the same passes by hand.
    """
    times = cost["processor seconds"] / by_hand
    row = {"network": network, "what": what, **cost, "times": times}
    print(row, flush=True)

    return row


def main() -> None:
    """Measure every network, print the table and write it."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.stress",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument(
        "--mnist", type=Path, required=True, help="folder with MNIST/raw"
    )
    parser.add_argument(
        "--out", type=Path, default=RESULTS, help="file for the results"
    )
    arguments = parser.parse_args()

    data = datasets.mnist(arguments.mnist)
    test = Split(data.test.x[:IMAGES], data.test.y[:IMAGES])
    data = replace(data, test=test)

    rows = []
    for name in NETWORKS:
        rows += rows_of(name, data)

    results = {
        "table": rows,
        "images": IMAGES,
        "draws": DRAWS,
        "threads": torch.get_num_threads(),
    }
    write(arguments.out, results)

    digits = {"processor seconds": 0, "seconds": 0, "megabytes": 0, "times": 2}
    cells = [tuple(row.values()) for row in rows]
    print(Table(tuple(rows[0]), cells, digits))


if __name__ == "__main__":
    main()
