"""The picture of docs/stress.md: a two is turned, and a LeNet-5 of the hub says what it sees.

    python -m benchmarks.stress_figure --mnist FOLDER

It takes seconds and writes docs/stress.png.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import pyro

from zoo import datasets, hub, stress
from zoo.datasets import Dataset, Split
from zoo.posterior.posterior import Posterior
from zoo.stress.severity import Severity

FIGURE = Path(__file__).parents[1] / "docs" / "stress.png"
ENTRY = "lenet5-mnist-local-reparam"
TWO = 35  # a test image
ANGLES = range(0, 91, 15)
DRAWS = 100


def turned(posterior: Posterior, data: Dataset, seed: int = 0) -> Severity:
    """Return what a posterior predicts for an image that is turned further and further.

    Arguments:
        posterior: A posterior over classes.
        data: The data, as the network takes them.
        seed: Seed of the draws.
    """
    alone = slice(TWO, TWO + 1)
    one = replace(data, test=Split(data.test.x[alone], data.test.y[alone]))
    pyro.set_rng_seed(seed)

    return stress.severity(
        posterior, one, stress.rotation, ANGLES, num_samples=DRAWS, progress=False
    )


def main() -> None:
    """Draw the picture."""
    description = (__doc__ or "").partition("\n")[0]
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--mnist", required=True, help="the folder that has MNIST/raw")
    parser.add_argument("--out", type=Path, default=FIGURE, help="the picture to write")
    arguments = parser.parse_args()

    found = turned(hub.load(ENTRY), datasets.mnist(arguments.mnist))
    print(found.table)
    found.strip().savefig(arguments.out, dpi=100)


if __name__ == "__main__":
    main()
