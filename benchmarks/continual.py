"""Variational continual learning on split digits, against plain fine-tuning: what is left of the first tasks?

    python -m benchmarks.continual            some minutes; prints the table and writes results/continual.json

Five tasks one after the other, 0 or 1 to 8 or 9, on one hidden layer, with a head of
two outputs for each task or with one head for all, which has to call 0, 2, 4, 6, 8 one
thing and 1, 3, 5, 7, 9 another. A task's posterior is the prior of the next
(`priors.previous`), and the guide goes on from it. Fine-tuning goes on from the last
point estimate under a flat prior: Adam would make any other, however wide, pull the
heads of old tasks to zero.

Variational Continual Learning (Nguyen, Li, Bui, Turner, 2018); there on MNIST, with 97
% after the last task for the variational posterior alone.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from pathlib import Path

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import constraints

import guides
import zoo
from benchmarks.record import write
from zoo import datasets, inference, likelihoods, metrics, networks, priors
from zoo.reports.table import Table

RESULTS = Path(__file__).parent / "results"
TASKS = [(0, 1), (2, 3), (4, 5), (6, 7), (8, 9)]


class Heads(networks.MLP):
    """A multilayer perceptron with two outputs for each head, of which one task's are given back."""

    def __init__(self, num_heads: int, hidden: int) -> None:
        super().__init__(64, 2 * num_heads, hidden=[hidden])
        self.num_heads, self.task = num_heads, 0

    def forward(self, x: Tensor) -> Tensor:
        """Map inputs (N, 64) to the logits (N, 2) of the task."""
        head = self.task % self.num_heads
        return super().forward(x)[..., 2 * head : 2 * head + 2]


def part(split: datasets.Split, task: int) -> tuple[Tensor, Tensor]:
    """Return the images (N, 64) of a task's two digits, and which of the two each is."""
    rows = (split.y == TASKS[task][0]) | (split.y == TASKS[task][1])
    return split.x[rows].flatten(1), (split.y[rows] == TASKS[task][1]).long()


def learn(
    method: str, num_heads: int, data: datasets.Dataset, arguments: argparse.Namespace
) -> Tensor:
    """Learn all tasks in turn and return the accuracy on each test part after each task, (T, T)."""
    family = guides.LocalReparam if method == "variational" else guides.Delta
    flat = dist.ImproperUniform(constraints.real, (), ())
    prior = dist.Normal(0.0, 1.0) if method == "variational" else flat
    network, before = Heads(num_heads, arguments.hidden), None
    accuracy = torch.full((len(TASKS), len(TASKS)), float("nan"))
    for task in range(len(TASKS)):
        network.task = task
        model = zoo.BayesianNetwork(
            network, priors.WeightPrior(prior), likelihoods.Categorical()
        )
        guide = family(model)
        if before is not None:
            guide.load_state_dict(before.guide.state_dict())
        decay = partial(
            torch.optim.lr_scheduler.CosineAnnealingLR, T_max=arguments.steps
        )
        engine = inference.SVI(
            model,
            guide,
            num_steps=arguments.steps,
            lr=5e-3,
            scheduler=decay,
            progress=False,
        )
        before = engine.fit(part(data.train, task))
        if method == "variational":
            prior = priors.previous(before)
        for old in range(task + 1):
            network.task = old
            x, y = part(data.test, old)
            accuracy[task, old] = metrics.accuracy(
                before.predict(x, 100 if before.guide.has_density else 1).probs, y
            )
    return accuracy


def main() -> None:
    """Learn with both methods from several seeds, and write the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.continual", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--seeds", type=int, default=5, help="how many times")
    parser.add_argument(
        "--steps", type=int, default=1500, help="gradient steps of each task"
    )
    parser.add_argument(
        "--hidden", type=int, default=100, help="units of the hidden layer"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=RESULTS / "continual.json",
        help="where the results go",
    )
    arguments = parser.parse_args()
    began, data, results = time.perf_counter(), datasets.digits(), {}
    for num_heads in (len(TASKS), 1):
        for method in ("variational", "fine-tuning"):
            runs = []
            for seed in range(arguments.seeds):
                pyro.set_rng_seed(seed)
                runs.append(learn(method, num_heads, data, arguments))
            results[
                f"{method}, {num_heads} heads" if num_heads > 1 else f"{method}, 1 head"
            ] = torch.stack(runs)
    lines = []
    for method, runs in results.items():  # (seeds, T, T)
        last, old = runs[:, -1], runs[:, -1, :-1].mean(-1)
        error = float(old.std() / len(old) ** 0.5) if len(old) > 1 else 0.0
        lines.append(
            (method, *last.mean(0).tolist(), f"{float(old.mean()):.3f} ± {error:.3f}")
        )
    table = Table(("method", *(f"{a} or {b}" for a, b in TASKS), "old tasks"), lines)
    print(table)
    facts = {
        "table": table.to_dicts(),
        "accuracy": {
            method: runs.nan_to_num(-1).tolist() for method, runs in results.items()
        },
        "settings": {
            "seeds": arguments.seeds,
            "steps": arguments.steps,
            "hidden": arguments.hidden,
            "lr": 5e-3,
        },
        "seconds": time.perf_counter() - began,
    }
    write(arguments.out, facts)


if __name__ == "__main__":
    main()
