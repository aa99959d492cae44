"""Seconds until a posterior, and its twin without one, are right on 98.3 % of MNIST's test digits.

    python -m benchmarks.time_to_error --mnist FOLDER

A network of 784-400-400-10 units is fitted for more and more epochs, by IVON and by Adam, each
with its own learning rate, until a fit reaches the error. Both begin anew each time, so that
each fit has a whole schedule. Seconds are of the processor and of the fit that reaches it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import pyro
import pyro.distributions as dist
import torch
from torch import nn

import guides
import zoo
from benchmarks.record import write
from zoo import datasets, likelihoods, networks, priors
from zoo.datasets import Dataset, Units
from zoo.inference import IVON, SVI
from zoo.posterior.posterior import Posterior

_OUT = Path(__file__).parent / "results" / "time_to_error.json"
_ERROR = 1.7  # per cent, on 10,000 test images
_EPOCHS = (6, 8, 10, 12, 15, 20, 25)
_BATCH_SIZE = 512
_UNITS = Units(torch.zeros(1, 1, 1), torch.full((1, 1, 1), 126 / 255))

Fit = Callable[[Dataset, int], Posterior]


def natural(data: Dataset, epochs: int) -> Posterior:
    """Fit a mean field by natural gradients."""
    engine = IVON(model(), num_epochs=epochs, precision="bf16", progress=False)
    return engine.fit(data.train, batch_size=_BATCH_SIZE)


def adam(data: Dataset, epochs: int) -> Posterior:
    """Fit point estimates by Adam, at the rate that `bbb-mnist` chose on validation data."""
    network = model()
    engine = SVI(
        network,
        guides.Delta(network),
        num_epochs=epochs,
        lr=1e-2,
        precision="bf16",
        progress=False,
    )
    return engine.fit(data.train, batch_size=_BATCH_SIZE)


METHODS: dict[str, tuple[Fit, int]] = {"IVON": (natural, 20), "Adam": (adam, 1)}


def model() -> zoo.BayesianNetwork:
    """Return the network with the prior N(0, 1) on its weights."""
    network = networks.MLP(784, 10, hidden=[400, 400], activation=nn.ReLU)
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight)

    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    return zoo.BayesianNetwork(
        nn.Sequential(nn.Flatten(), network), prior, likelihoods.Categorical()
    )


def measure(name: str, data: Dataset, seed: int) -> dict[str, object]:
    """Return epochs, seconds and error of the shortest fit that reaches the error.

    Arguments:
        name: The name of the method.
        data: MNIST.
        seed: Seed of all random numbers.
    """
    fit, num_samples = METHODS[name]
    row: dict[str, object] = {}
    for epochs in _EPOCHS:
        pyro.set_rng_seed(seed)
        start = time.process_time()
        posterior = fit(data, epochs)
        seconds = time.process_time() - start

        prediction = posterior.predict(data.test.x, num_samples, progress=False)
        wrong = prediction.probs.argmax(-1) != data.test.y
        error = 100 * float(wrong.float().mean())
        row = {
            "method": name,
            "seed": seed,
            "epochs": epochs,
            "seconds": round(seconds, 1),
            "error %": round(error, 2),
            "reached": error <= _ERROR,
        }
        print(row, flush=True)
        if error <= _ERROR:
            break

    return row


def main() -> None:
    """Measure every method from every seed in turn, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mnist", required=True, help="the folder of MNIST")
    parser.add_argument("--seeds", type=int, default=1, help="number of seeds (1)")
    parser.add_argument("--out", type=Path, default=_OUT, help="file of the result")
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    data = datasets.mnist(arguments.mnist, num_validation=10_000, units=_UNITS)
    rows = []
    for seed in range(arguments.seeds):
        for name in METHODS:
            rows.append(measure(name, data, seed))

    write(arguments.out, {"rows": rows, "error %": _ERROR})


if __name__ == "__main__":
    main()
