"""Gal's UCI table: MC dropout and deep ensembles on his twenty splits, next to the published numbers.

    python -m benchmarks.uci --path UCI_Datasets                       the five sets, about an hour on two cores
    python -m benchmarks.uci --data yacht --epochs 400 --splits 5        a quick look

Dropout as a Bayesian Approximation (Gal, Ghahramani, 2016), and the authors' repository
of 2018: one hidden layer of 50 rectified units, Adam at 1e-3, batches of 128, 4000
epochs, rate of dropping and noise precision chosen by log likelihood on a fifth of the
training part, lengthscale 0.01, 10,000 draws. Simple and Scalable Predictive
Uncertainty Estimation using Deep Ensembles (Lakshminarayanan, Pritzel, Blundell, 2017):
five networks with a learned noise at every input, 40 epochs, batches of 100; the
learning rate is chosen in the same way.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn

import guides
import zoo
from benchmarks.many import fit_many
from benchmarks.record import write
from zoo import datasets, likelihoods, metrics, networks, priors
from zoo.datasets import Dataset
from zoo.predictive.evaluate import evaluate_draws
from zoo.predictive.prediction import Prediction
from zoo.reports.table import Table

RESULTS = Path(__file__).parent / "results"
TAUS = {  # noise precision in original units, the authors' grids
    "boston": (0.1, 0.15, 0.2),
    "concrete": (0.025, 0.05, 0.075),
    "energy": (0.25, 0.5, 0.75),
    "wine": (2.5, 3.0, 3.5),
    "yacht": (0.25, 0.5, 0.75),
}
PUBLISHED = {  # RMSE and log likelihood, each mean and standard error over the splits
    "MCDropout": {  # the paper's table, then the authors' grid search of 2018
        "boston": ((2.97, 0.19, -2.46, 0.06), (2.9036, 0.1768, -2.4019, 0.0417)),
        "concrete": ((5.23, 0.12, -3.04, 0.02), (4.8265, 0.1605, -2.9367, 0.0248)),
        "energy": ((1.66, 0.04, -1.99, 0.02), (0.5389, 0.0135, -1.2115, 0.0053)),
        "wine": ((0.62, 0.01, -0.93, 0.01), (0.6218, 0.0080, -0.9281, 0.0127)),
        "yacht": ((1.11, 0.09, -1.55, 0.03), (0.6663, 0.0486, -1.2501, 0.0153)),
    },
    "DeepEnsemble": {  # the paper gives standard deviations: divided by the root of 20 here
        "boston": ((3.28, 1.00 / 20**0.5, -2.41, 0.25 / 20**0.5),),
        "concrete": ((6.03, 0.58 / 20**0.5, -3.06, 0.18 / 20**0.5),),
        "energy": ((2.09, 0.29 / 20**0.5, -1.38, 0.22 / 20**0.5),),
        "wine": ((0.64, 0.04 / 20**0.5, -0.94, 0.12 / 20**0.5),),
        "yacht": ((1.58, 0.48 / 20**0.5, -1.18, 0.21 / 20**0.5),),
    },
}


@dataclass(frozen=True)
class Method:
    """How one row of the table is fitted: what is chosen before the fit, what after it, and how many members."""

    choices: tuple[float, ...]
    guide: Callable[[zoo.BayesianNetwork, float], nn.Module]
    likelihood: Callable[[float], likelihoods.likelihood.Likelihood]
    outputs: int
    lr: Callable[[float], float]
    epochs: int
    batch_size: int
    members: int = 1
    draws: int = 1
    after: dict[str, tuple[float, ...]] = field(default_factory=dict)


METHODS = {
    "MCDropout": Method(
        choices=(0.005, 0.01, 0.05, 0.1),
        guide=lambda model, p: guides.MCDropout(model, p=p),
        likelihood=lambda tau: likelihoods.Gaussian(tau**-0.5),
        outputs=1,
        lr=lambda p: 1e-3,
        epochs=4000,
        batch_size=128,
        draws=10_000,
        after=TAUS,
    ),
    "DeepEnsemble": Method(
        choices=(0.1, 0.03, 0.01, 0.003),
        guide=lambda model, lr: guides.Delta(model),
        likelihood=lambda _: likelihoods.HeteroscedasticGaussian(),
        outputs=2,
        lr=lambda lr: lr,
        epochs=40,
        batch_size=100,
        members=5,
    ),
}


def build(
    method: Method, data: Dataset, choice: float, tau: float
) -> tuple[zoo.BayesianNetwork, nn.Module]:
    """Make a fresh network, model and guide; the prior is that of lengthscale 0.01."""
    network = networks.MLP(
        data.train.x.shape[1], method.outputs, hidden=[50], activation=nn.ReLU
    )
    model = zoo.BayesianNetwork(
        network,
        priors.WeightPrior(dist.Normal(0.0, 100.0)),
        method.likelihood(tau * float(data.y_units.scale) ** 2),
    )
    return model, method.guide(model, choice)


def fit(
    method: Method,
    sets: list[tuple[Dataset, Tensor, Tensor]],
    choice: float,
    tau: float,
    epochs: int,
    label: str,
) -> list[list[tuple[zoo.BayesianNetwork, nn.Module]]]:
    """Fit all members for all data sets at once, and return them data set by data set."""
    pairs = [
        build(method, data, choice, tau)
        for data, _, _ in sets
        for _ in range(method.members)
    ]
    x = torch.stack([x for _, x, _ in sets]).repeat_interleave(method.members, 0)
    y = torch.stack([y for _, _, y in sets]).repeat_interleave(method.members, 0)
    num_steps = -(-epochs * x.shape[1] // min(method.batch_size, x.shape[1]))
    fit_many(
        pairs[0][0],
        [guide for _, guide in pairs],
        x,
        y,
        num_steps=num_steps,
        batch_size=method.batch_size,
        lr=method.lr(choice),
        label=label,
    )
    return [
        pairs[start : start + method.members]
        for start in range(0, len(pairs), method.members)
    ]


def scores(
    method: Method,
    data: Dataset,
    members: list,
    x: Tensor,
    y: Tensor,
    taus: tuple[float, ...],
    draws: int,
) -> Iterator[tuple[float, float]]:
    """Return RMSE and log likelihood per datum in original units, for each noise precision."""
    with torch.no_grad():
        raw = []
        for model, guide in members:
            with pyro.plate("draws", draws, dim=-1):
                values = {
                    name: value.clone().expand(draws, *guide.sites[name].init.shape)
                    for name, value in guide().items()
                }
            raw.append(evaluate_draws(model, values, {}, x))
        y = data.y_units.restore(y)
        for tau in taus:
            likelihood = method.likelihood(tau * float(data.y_units.scale) ** 2)
            prediction = data.in_original_units(
                Prediction(likelihood, torch.cat(raw), {})
            )
            yield (
                float(metrics.rmse(prediction.mean, y)),
                float(prediction.log_prob(y).mean()),
            )


def evaluate(name: str, method: Method, splits: list[Dataset], epochs: int) -> dict:
    """Choose on a fifth of each training part, fit again on all of it, and score the test part."""
    began = time.perf_counter()
    taus = method.after.get(name, (1.0,))
    kept = round(0.8 * len(splits[0].train.x))
    parts = [(data, data.train.x[:kept], data.train.y[:kept]) for data in splits]
    found: list[list[tuple[float, float, float]]] = [[] for _ in splits]
    for choice in method.choices:
        fitted = fit(
            method,
            parts,
            choice,
            taus[len(taus) // 2],
            epochs,
            f"{name}, {choice}, 4/5 of the data",
        )
        for number, (data, members) in enumerate(zip(splits, fitted, strict=True)):
            x, y = data.train.x[kept:], data.train.y[kept:]
            marks = scores(method, data, members, x, y, taus, min(1000, method.draws))
            found[number] += [
                (log_lik, choice, tau)
                for tau, (_, log_lik) in zip(taus, marks, strict=True)
            ]
    best = [max(marks)[1:] for marks in found]
    rows: list[dict] = [{} for _ in splits]
    for choice in method.choices:
        mine = [number for number, (chosen, _) in enumerate(best) if chosen == choice]
        if not mine:
            continue
        whole = [(splits[number], *splits[number].train) for number in mine]
        fitted = fit(
            method,
            whole,
            choice,
            taus[len(taus) // 2],
            epochs,
            f"{name}, {choice}, all data",
        )
        for number, members in zip(mine, fitted, strict=True):
            data, tau = splits[number], best[number][1]
            [(rmse, log_lik)] = scores(
                method, data, members, *data.test, (tau,), method.draws
            )
            rows[number] = {
                "split": number,
                "rmse": rmse,
                "log_lik": log_lik,
                "choice": choice,
                "tau": tau,
            }
    return {"rows": rows, "epochs": epochs, "seconds": time.perf_counter() - began}


def summary(results: dict[str, dict]) -> Table:
    """Lay out mean and standard error beside the published ones; the distance in standard errors of the difference."""
    lines = []
    for key, result in results.items():
        method, name = key.split(" ")
        for position, what in ((0, "rmse"), (2, "log_lik")):
            values = torch.tensor(
                [row[what] for row in result["rows"]], dtype=torch.float64
            )
            mean, error = float(values.mean()), float(values.std() / len(values) ** 0.5)
            cells = [method, name, what, f"{mean:.3f} ± {error:.3f}"]
            for published in (*PUBLISHED[method][name], None)[:2]:
                if published is None:
                    cells += ["", ""]
                    continue
                theirs, spread = published[position : position + 2]
                better = (
                    (theirs - mean)
                    * (1 if what == "rmse" else -1)
                    / (error**2 + spread**2) ** 0.5
                )
                cells += [f"{theirs:.3f} ± {spread:.3f}", f"{better:+.1f}"]
            lines.append(tuple(cells))
    return Table(
        (
            "method",
            "data",
            "score",
            "ours",
            "paper",
            "better by (s.e.)",
            "grid 2018",
            "better by (s.e.) ",
        ),
        lines,
    )


def main() -> None:
    """Run what is asked for, keep what is done, print the table."""
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
        help="Gal's UCI_Datasets; without it yacht, energy and concrete alone",
    )
    parser.add_argument(
        "--splits", type=int, default=20, help="how many of the 20 splits"
    )
    parser.add_argument(
        "--epochs", type=int, help="passes through the data, the authors' by default"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of everything random")
    parser.add_argument(
        "--out",
        type=Path,
        default=RESULTS / "uci.json",
        help="results; what it holds is not run again",
    )
    arguments = parser.parse_args()
    results = (
        json.loads(arguments.out.read_text())["results"]
        if arguments.out.exists()
        else {}
    )
    for method in arguments.method.split(","):
        for name in arguments.data.split(","):
            key = f"{method} {name}"
            if key in results:
                continue
            pyro.set_rng_seed(arguments.seed)
            splits = [
                datasets.uci(name, split, path=arguments.path)
                for split in range(arguments.splits)
            ]
            epochs = arguments.epochs or METHODS[method].epochs
            results[key] = evaluate(name, METHODS[method], splits, epochs)
            write(arguments.out, {"results": results, "seed": arguments.seed})
            print(
                f"{key}: {results[key]['seconds']:.0f} s\n{summary({key: results[key]})}",
                flush=True,
            )
    print(summary(results))


if __name__ == "__main__":
    main()
