"""The picture of three ways over one plane of the posterior of digits: SGD, SGLD and SWAG.

    python -m benchmarks.trajectories

It takes about half a minute of processor time, prints how much of each way is off the plane, and
writes docs/trajectories.gif.

All begin at the same weights of a 64-30-10 network. The plane goes through these weights, the
end of SGD, and the mean of the later half of the draws of SGLD.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

import guides
import zoo
from zoo import datasets, inference, landscape, likelihoods, networks, priors
from zoo.landscape import Plane
from zoo.reports.table import Table

FIGURE = Path(__file__).parents[1] / "docs" / "trajectories.gif"
NUM_EPOCHS = 60
NUM_FRAMES = 48
BATCH_SIZE = 128
SHAPE = (41, 41)


def built() -> zoo.BayesianNetwork:
    """Return the model, with weights that do not change from call to call."""
    pyro.set_rng_seed(1)
    network = networks.MLP(64, 10, hidden=[30])
    prior = priors.WeightPrior(dist.Normal(0.0, 0.5))

    return zoo.BayesianNetwork(network, prior, likelihoods.Categorical())


def descent(model: zoo.BayesianNetwork, data: Any) -> list[dict[str, Tensor]]:
    """Return the weights of the network, and those after each epoch of SGD."""
    guide = guides.Delta(model)
    path = [{n: each.detach() for n, each in model.network.named_parameters()}]
    for _ in range(NUM_EPOCHS):
        engine = inference.SVI(
            model,
            guide,
            num_epochs=1,
            optimizer=torch.optim.SGD,
            lr=0.2,
            scheduler=None,
            progress=False,
        )
        path.append(engine.fit(data.train, batch_size=BATCH_SIZE).means())

    return path


def ways(model: zoo.BayesianNetwork, data: Any) -> tuple[Plane, dict[str, Any]]:
    """Return the plane, and the trajectories by name."""
    path = descent(model, data)
    chain = inference.SGLD(
        model, num_epochs=4 * NUM_EPOCHS, burn_in=0, progress=False
    ).fit(data.train, batch_size=BATCH_SIZE)
    average = inference.SWAG(model, num_epochs=NUM_EPOCHS, progress=False).fit(
        data.train, batch_size=BATCH_SIZE
    )

    later = {
        n: draws[0, len(draws[0]) // 2 :].mean(0) for n, draws in chain.draws.items()
    }
    plane = landscape.plane(
        at(model, path[0]), path[-1], later, data=data, shape=SHAPE, margin=0.4
    )

    plane = replace(plane, names=("start", "end of SGD", "mean of SGLD"))

    return plane, {"SGD": path, "SGLD": chain, "SWAG": average}


def at(model: zoo.BayesianNetwork, weights: Mapping[str, Tensor]) -> Any:
    """Return a posterior with one draw."""
    draws = {name: value[None, None] for name, value in weights.items()}

    return zoo.posterior.DrawsPosterior(model, draws=draws, state={}, info=None)


def main() -> None:
    """Fit, print the shares off the plane, and write the picture."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.trajectories",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--figure", type=Path, default=FIGURE, help="the picture")
    arguments = parser.parse_args()

    data = datasets.digits(flatten=True)
    plane, trajectories = ways(built(), data)
    rows = []
    for name, trajectory in trajectories.items():
        found = landscape.project(plane, trajectory)
        shares = found.share[len(found.share) // 2], found.share[-1]
        rows.append((name, *map(float, shares)))

    columns = ("trajectory", "share off the plane, halfway", "at the end")
    print(Table(columns, rows))
    landscape.animate(plane, trajectories, arguments.figure, num_frames=NUM_FRAMES)


if __name__ == "__main__":
    main()
