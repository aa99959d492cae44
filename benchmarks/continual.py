"""Variational continual learning on split digits, against plain fine-tuning.

    python -m benchmarks.continual

It takes some minutes, prints the table and writes results/continual.json.

There are five tasks in sequence, 0 or 1 to 8 or 9, on one hidden layer. Each task has a
head of two outputs, or all share one head, which must call 0, 2, 4, 6, 8 one class and
1, 3, 5, 7, 9 the other. The posterior of a task is the prior of the next
(`priors.previous`), and the guide continues from it. Fine-tuning continues from the last
point estimate under a flat prior: Adam would pull the heads of old tasks to zero under
any other prior, however wide.

Variational Continual Learning (Nguyen, Li, Bui, Turner, 2018); there on MNIST, with 97 %
after the last task for the variational posterior alone.
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
from zoo.datasets import Dataset, Split
from zoo.posterior.posterior import Posterior
from zoo.reports.table import Table

RESULTS = Path(__file__).parent / "results"
TASKS = [(0, 1), (2, 3), (4, 5), (6, 7), (8, 9)]
METHODS = {"variational": guides.LocalReparam, "fine-tuning": guides.Delta}
LR = 5e-3


class Heads(networks.MLP):
    """A multilayer perceptron with two outputs for each head; it returns those of one task.

    Arguments:
        num_heads: Number of heads.
        hidden: Units of the hidden layer.
    """

    def __init__(self, num_heads: int, hidden: int) -> None:
        super().__init__(64, 2 * num_heads, hidden=[hidden])
        self.num_heads = num_heads
        self.task = 0

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (N, 2) of the task for inputs (N, 64)."""
        head = self.task % self.num_heads
        outputs = super().forward(x)
        return outputs[..., 2 * head : 2 * head + 2]


def part(split: Split, task: int) -> tuple[Tensor, Tensor]:
    """Return the images (N, 64) of a task's two digits, and 1 for the second digit, else 0."""
    first, second = TASKS[task]
    is_second = split.y == second
    rows = is_second | (split.y == first)

    return split.x[rows].flatten(1), is_second[rows].long()


def learn(
    method: str, num_heads: int, data: Dataset, arguments: argparse.Namespace
) -> Tensor:
    """Learn all tasks in sequence, and return the accuracy on each test part after each task.

    Arguments:
        method: A name of `METHODS`.
        num_heads: Number of heads.
        data: The digits.
        arguments: The arguments of the command.

    Returns:
        Accuracies, (T, T); NaN for tasks that were not yet learned.
    """
    num_tasks = len(TASKS)
    network = Heads(num_heads, arguments.hidden)
    flat = dist.ImproperUniform(constraints.real, (), ())
    prior = dist.Normal(0.0, 1.0) if method == "variational" else flat

    posterior: Posterior | None = None
    accuracy = torch.full((num_tasks, num_tasks), float("nan"))
    for task in range(num_tasks):
        network.task = task
        model = zoo.BayesianNetwork(
            network, priors.WeightPrior(prior), likelihoods.Categorical()
        )
        guide = METHODS[method](model)
        if posterior is not None:
            guide.load_state_dict(posterior.guide.state_dict())

        decay = partial(
            torch.optim.lr_scheduler.CosineAnnealingLR, T_max=arguments.steps
        )
        engine = inference.SVI(
            model,
            guide,
            num_steps=arguments.steps,
            lr=LR,
            scheduler=decay,
            progress=False,
        )
        posterior = engine.fit(part(data.train, task))
        if method == "variational":
            prior = priors.previous(posterior)

        for old in range(task + 1):
            network.task = old
            accuracy[task, old] = accuracy_of(posterior, part(data.test, old))

    return accuracy


def accuracy_of(posterior: Posterior, data: tuple[Tensor, Tensor]) -> Tensor:
    """Return the accuracy of a posterior; a point estimate needs one draw."""
    x, y = data
    num_samples = 100 if posterior.guide.has_density else 1
    prediction = posterior.predict(x, num_samples)

    return metrics.accuracy(prediction.probs, y)


def table_of(results: dict[str, Tensor]) -> Table:
    """Return the accuracies after the last task.

    Arguments:
        results: Accuracies by method, (seeds, T, T).
    """
    lines = []
    for method, runs in results.items():
        last = runs[:, -1]  # (seeds, T)
        old = last[:, :-1].mean(-1)
        error = float(old.std() / len(old) ** 0.5) if len(old) > 1 else 0.0
        mean = float(old.mean())
        lines.append((method, *last.mean(0).tolist(), f"{mean:.3f} ± {error:.3f}"))

    tasks = [f"{first} or {second}" for first, second in TASKS]
    return Table(("method", *tasks, "old tasks"), lines)


def learn_all(arguments: argparse.Namespace) -> dict[str, Tensor]:
    """Learn with both methods, with several heads and one, from several seeds."""
    data = datasets.digits()
    results = {}
    for num_heads in (len(TASKS), 1):
        for method in METHODS:
            runs = []
            for seed in range(arguments.seeds):
                pyro.set_rng_seed(seed)
                runs.append(learn(method, num_heads, data, arguments))

            heads = f"{num_heads} heads" if num_heads > 1 else "1 head"
            results[f"{method}, {heads}"] = torch.stack(runs)

    return results


def main() -> None:
    """Learn, print the table and write it."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.continual", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds")
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
        help="file for the results",
    )
    arguments = parser.parse_args()

    began = time.perf_counter()
    results = learn_all(arguments)
    seconds = time.perf_counter() - began
    table = table_of(results)
    print(table)

    accuracy = {}
    for method, runs in results.items():
        accuracy[method] = runs.nan_to_num(-1).tolist()
    settings = {
        "seeds": arguments.seeds,
        "steps": arguments.steps,
        "hidden": arguments.hidden,
        "lr": LR,
    }
    contents = {
        "table": table.to_dicts(),
        "accuracy": accuracy,
        "settings": settings,
        "seconds": seconds,
    }
    write(arguments.out, contents)


if __name__ == "__main__":
    main()
