"""What stress costs: PGD through 20 draws and the corruption suite, beside the same passes of the network by hand.

    python -m benchmarks.stress --mnist FOLDER       five minutes; prints a table and writes results/stress.json

1000 test images of MNIST, `MeanField` after two steps: what a pass costs does not
depend on what was learnt. By hand is one forward pass for every draw, image and level
of the suite, and one with its backward pass for every step of PGD, a hundred images at
once; making corruptions, and judging by other draws, come on top of it. Seconds are a
processor's, by `process_time`, and a clock's; megabytes are the growth of resident
memory at its highest. PGD is of ten steps: Towards Deep Learning Models Resistant to
Adversarial Attacks (Madry, Makelov, Schmidt, Tsipras, Vladu, 2018).
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
from zoo.datasets import Split
from zoo.posterior.posterior import Posterior
from zoo.reports.table import Table
from zoo.stress.corruptions import GREY

RESULTS = Path(__file__).parent / "results" / "stress.json"
NETWORKS = {"LeNet5": networks.LeNet5, "LeNet": networks.LeNet}
IMAGES, DRAWS, STEPS, LEVELS, ROWS = 1000, 20, 10, 5, 100


def posterior_of(network: nn.Module, train: Split) -> Posterior:
    """Return a posterior of a network's weights that has hardly learnt."""
    pyro.set_rng_seed(0)
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(dist.Normal(0.0, 0.1)), likelihoods.Categorical()
    )
    engine = inference.SVI(
        model, guides.MeanField(model, init_scale=0.02), num_steps=2, progress=False
    )
    return engine.fit((train.x[:128], train.y[:128]))


def forward(network: nn.Module, x: Tensor) -> None:
    """Pass all images through the network once."""
    with torch.no_grad():
        for part in x.split(ROWS):
            network(part)


def backward(network: nn.Module, x: Tensor, y: Tensor) -> None:
    """Find the slope of the loss in every pixel once."""
    for part, labels in zip(x.split(ROWS), y.split(ROWS), strict=True):
        pixels = part.clone().requires_grad_()
        torch.autograd.grad(F.cross_entropy(network(pixels), labels), pixels)


def measured(call: Callable[[], object]) -> dict[str, float]:
    """Return a call's seconds, of a processor and of a clock, and its megabytes."""
    before, processor, clock = (
        start_counting("cpu"),
        time.process_time(),
        time.perf_counter(),
    )
    call()
    return {
        "processor seconds": time.process_time() - processor,
        "seconds": time.perf_counter() - clock,
        "megabytes": peak("cpu") - before,
    }


def rows_of(name: str, data: datasets.Dataset) -> list[dict[str, object]]:
    """Measure both systems on one network."""
    network = NETWORKS[name]().requires_grad_(False).eval()
    posterior, (x, y) = posterior_of(NETWORKS[name](), data.train), data.test
    once = min(
        measured(lambda: forward(network, x))["processor seconds"] for _ in range(3)
    )
    slope = min(
        measured(lambda: backward(network, x, y))["processor seconds"] for _ in range(3)
    )
    options = {"num_samples": DRAWS, "progress": False}
    calls = {
        "PGD-10": (
            lambda: stress.pgd(posterior, data, radius=0.15, **options),
            STEPS * DRAWS * slope,
        ),
        "corruptions": (
            lambda: stress.corruptions(posterior, data, **options),
            len(GREY) * LEVELS * DRAWS * once,
        ),
    }
    found = []
    for what, (call, by_hand) in calls.items():
        facts = measured(call)
        found.append(
            {
                "network": name,
                "what": what,
                **facts,
                "times": facts["processor seconds"] / by_hand,
            }
        )
        print(found[-1], flush=True)
    return found


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
        "--out", type=Path, default=RESULTS, help="where the results go"
    )
    arguments = parser.parse_args()
    data = datasets.mnist(arguments.mnist)
    data = replace(data, test=Split(data.test.x[:IMAGES], data.test.y[:IMAGES]))
    rows = [row for name in NETWORKS for row in rows_of(name, data)]
    write(
        arguments.out,
        {
            "table": rows,
            "images": IMAGES,
            "draws": DRAWS,
            "threads": torch.get_num_threads(),
        },
    )
    digits = {"processor seconds": 0, "seconds": 0, "megabytes": 0, "times": 2}
    print(Table(tuple(rows[0]), [tuple(row.values()) for row in rows], digits))


if __name__ == "__main__":
    main()
