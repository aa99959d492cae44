"""The animated picture of docs/landscape.md: the posterior of a line as data arrive.

    python -m benchmarks.linear_updates

It takes ten seconds, prints the posterior after each datum, and writes docs/linear_updates.gif.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pyro
import pyro.distributions as dist
import torch

import zoo
from zoo import landscape, likelihoods, networks, priors

FIGURE = Path(__file__).parents[1] / "docs" / "linear_updates.gif"
TRUTH = torch.tensor([0.8, -0.5])  # slope and intercept
NOISE = 0.5
NUM_DATA = 20


def found() -> landscape.LinearUpdates:
    """Return the posterior of a line with a standard normal prior, after 0 to 20 data."""
    pyro.set_rng_seed(1)
    x = 4 * torch.rand(NUM_DATA, 1) - 2
    y = TRUTH[0] * x + TRUTH[1] + NOISE * torch.randn_like(x)

    network = networks.MLP(1, 1, hidden=[])
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    model = zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(NOISE))

    return landscape.linear_updates(model, (x, y))


def main() -> None:
    """Print the table, and write the picture."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.linear_updates",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--figure", type=Path, default=FIGURE, help="the picture")
    arguments = parser.parse_args()

    updates = found()
    print(updates)
    updates.animate(arguments.figure, truth=TRUTH)


if __name__ == "__main__":
    main()
