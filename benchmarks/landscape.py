"""Landscapes of digits: barriers of lines and curves, effective dimension, and what a plane costs.

    python -m benchmarks.landscape

It takes about a minute of processor time, prints tables, and writes results/landscape.json and
docs/landscape.png.

Barriers are in nats per datum above the chord of the ends, for pairs of maximum a posteriori fits
of a 64-30-10 network on the digits: on the straight line, on the line after the units are aligned,
on a Bezier curve and on a polygonal chain. A plane is compared with as many forward passes of
the plain network on the training data (with batch normalisation two: its statistics are
recomputed). Seconds are those of `process_time`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from matplotlib.figure import Figure
from torch import nn

import guides
import zoo
from benchmarks.record import write
from zoo import datasets, inference, landscape, likelihoods, networks, plots, priors
from zoo.plots.canvas import COLORS
from zoo.plots.saving import save_figure
from zoo.posterior.posterior import Posterior
from zoo.reports.table import Table

RESULTS = Path(__file__).parent / "results" / "landscape.json"
FIGURE = Path(__file__).parents[1] / "docs" / "landscape.png"
PAIRS = ((1, 2), (3, 4))
NUM_EPOCHS = 60
SHAPE = (25, 25)


def fitted(seed: int, data: Any) -> Posterior:
    """Return the maximum a posteriori of a network of its own."""
    pyro.set_rng_seed(seed)
    network = networks.MLP(64, 10, hidden=[30])
    prior = priors.WeightPrior(dist.Normal(0.0, 0.5))
    model = zoo.BayesianNetwork(network, prior, likelihoods.Categorical())
    guide = guides.Delta(model)
    engine = inference.SVI(model, guide, num_epochs=NUM_EPOCHS, progress=False)

    return engine.fit(data.train, batch_size=128)


def seconds_of(call: Callable[[], Any]) -> tuple[Any, float]:
    """Return what a call returns, and its processor seconds."""
    began = time.process_time()
    found = call()

    return found, time.process_time() - began


def barriers(pair: tuple[int, int], data: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the row of one pair of fits, and what its picture needs."""
    a, b = (fitted(seed, data) for seed in pair)
    aligned = landscape.align(a, b, data.train.x)
    straight = landscape.line(a, b, data, 61)
    matched = landscape.line(a, aligned, data, 61)
    options = {"num_epochs": NUM_EPOCHS, "progress": False}
    bezier, seconds = seconds_of(lambda: landscape.connect(a, b, data, **options))
    chain = landscape.connect(a, b, data, "polychain", **options)

    spectrum, cost = seconds_of(lambda: landscape.curvature(a, data, num_probes=8))
    row = {
        "seeds": f"{pair[0]}, {pair[1]}",
        "line": straight.barrier,
        "line, aligned": matched.barrier,
        "bezier": bezier.barrier,
        "polychain": chain.barrier,
        "seconds of bezier": seconds,
        "N_eff": spectrum.effective_dimension,
        "its error": spectrum.effective_dimension_error,
        "seconds of N_eff": cost,
    }
    shown = {"a": a, "b": b, "line": straight, "aligned": matched, "curve": bezier}

    return row, shown


def plane_cost(
    name: str, model: zoo.BayesianNetwork, data: Any, shape: tuple[int, int]
) -> dict[str, Any]:
    """Return the processor seconds of a plane, beside as many forward passes."""
    draws = [{n: v[s] for n, v in model.prior_draws(3).items()} for s in range(3)]
    posterior = zoo.posterior.DrawsPosterior(
        model,
        draws={n: v[None, None] for n, v in draws[0].items()},
        state=dict(model.network.named_buffers()),
        info=None,
    )
    ends = (posterior, *draws[1:])
    options = {"data": data, "shape": shape}
    plane, seconds = seconds_of(lambda: landscape.plane(*ends, **options))

    def forward() -> None:
        with torch.no_grad():
            for _ in range(plane.values.numel()):
                model.network(data[0])

    model.network.eval()
    _, by_hand = seconds_of(forward)
    points = plane.values.numel()

    return {
        "network": name,
        "points": points,
        "data": len(data[0]),
        "plane": seconds,
        "passes": by_hand,
        "ratio": seconds / by_hand,
        "batch norm": plane.batch_norm,
    }


def costs(data: Any) -> list[dict[str, Any]]:
    """Return the cost of planes of a small network and of one with batch normalisation."""
    rows = []
    prior = priors.WeightPrior(dist.Normal(0.0, 0.1))
    images = torch.randn(200, 3, 32, 32), torch.randint(10, (200,))
    cases: Sequence[tuple[str, nn.Module, Any, tuple[int, int]]] = (
        ("MLP 64-30-10", networks.MLP(64, 10, hidden=[30]), data.train, SHAPE),
        ("ResNet-20", networks.ResNet(20), images, (3, 3)),
    )
    for name, network, train, shape in cases:
        model = zoo.BayesianNetwork(network, prior, likelihoods.Categorical())
        plane_cost(name, model, train, (2, 2))  # imports and first calls
        rows.append(plane_cost(name, model, train, shape))

    return rows


def draw(shown: dict[str, Any], data: Any) -> Figure:
    """Draw the plane through two fits and the bend of their curve, and the profiles."""
    curve = shown["curve"]
    plane = landscape.plane(
        shown["a"], shown["b"], curve.bend, data=data, shape=(31, 31)
    )
    figure = Figure(figsize=(11.0, 4.4), layout="constrained")
    left, right = figure.subfigures(1, 2)
    plane.plot(figure=left)
    places = landscape.project(plane, curve).coordinates
    left.axes[0].plot(*places.T, color=COLORS[1])
    left.axes[0].plot(*plane.points[:2].T, "--", color=COLORS[1])

    curves = {
        "straight line": shown["line"].values,
        "line, units aligned": shown["aligned"].values,
        "Bezier curve": curve.profile.values,
    }
    ax = right.subplots()
    ax.spines[["top", "right"]].set_visible(False)
    ylabel = "negative log posterior, nats per datum"
    plots.profile(curve.profile.t, curves, ylabel=ylabel, ax=ax)

    return figure


def main() -> None:
    """Measure, print the tables and write them."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.landscape",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=RESULTS, help="results")
    parser.add_argument("--figure", type=Path, default=FIGURE, help="the picture")
    arguments = parser.parse_args()

    data = datasets.digits(flatten=True)
    rows = []
    for number, pair in enumerate(PAIRS):
        row, shown = barriers(pair, data)
        rows.append(row)
        if number == 0:
            save_figure(draw(shown, data), arguments.figure)

    planes = costs(data)
    for table in (rows, planes):
        cells = [list(row.values()) for row in table]
        print(Table(tuple(table[0]), cells), end="\n\n")

    write(arguments.out, {"barriers": rows, "planes": planes})


if __name__ == "__main__":
    main()
