"""Trained networks made Bayesian: K Gaussians over the nodes, against temperature scaling.

    python -m benchmarks.pretrained --mnist ../shared/data/mnist --fashion FOLDER
    python -m benchmarks.pretrained --cifar FOLDER --checkpoint resnet20-12fca82f.th

Scalable Bayesian neural networks by layer-wise input augmentation (Trinh, Kaski,
Heinonen, 2020): a trained network gets a node prior, N(1, 0.1²) for the ResNet and N(1,
0.5²) for LeNet-5. Its weights are frozen or fine-tuned with a small learning rate; the
nodes have a large one that falls to a quarter. On Calibration of Modern Neural Networks
(Guo et al., 2017): the baseline, one temperature.

LeNet-5 is trained here and its temperature fitted to 5,000 held-out training images. The
ResNet-20 was trained on the whole training part of CIFAR-10, so its temperature is fitted
to 2,000 test images, and the scores are those of 4,000 others. Each row is written as
soon as it is measured, and a run that is started again continues after the last row.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

import guides
import zoo
from benchmarks.record import write
from benchmarks.trained_networks import Task, lenet, resnet
from zoo import datasets, inference, likelihoods, metrics, priors
from zoo.experiments.nodes_cifar10 import two_rates
from zoo.reports.table import Table

RESULTS = Path(__file__).parent / "results" / "pretrained.json"
COMPONENTS = (4, 16, 8)
BATCH = 250  # images that are evaluated at once
COLUMNS = ("data", "method", "K", "weights", "error %", "nll", "ece", "seconds")
DIGITS = {"error %": 2, "ece": 4, "nll": 4, "seconds": 0}

Row = dict[str, object]


def rows_of(task: Task) -> list[tuple[Row, Callable[[Task], Tensor]]]:
    """Return every row of a task, and the function that predicts the test inputs (N, O)."""
    found: list[tuple[Row, Callable[[Task], Tensor]]] = [
        ({"method": "deterministic"}, deterministic),
        ({"method": "temperature scaling"}, tempered),
    ]
    for components in COMPONENTS:
        for weights in ("frozen", "fine-tuned"):
            row: Row = {"method": "NodeMixture", "K": components, "weights": weights}
            predict = partial(mixed, components=components, weights=weights)
            found.append((row, predict))

    return found


@torch.no_grad()
def logits(network: nn.Module, x: Tensor) -> Tensor:
    """Evaluate a network, (N, O)."""
    network.eval()
    return torch.cat([network(part) for part in x.split(BATCH)])


def deterministic(task: Task) -> Tensor:
    """Predict with the trained network."""
    return logits(task.network, task.test.x).softmax(-1)


def tempered(task: Task) -> Tensor:
    """Fit a temperature to the held-out part, and predict with it."""
    held_out = logits(task.network, task.held_out.x)
    temperature = metrics.temperature_scaling(held_out, task.held_out.y)
    print(f"{task.name}: temperature {temperature:.2f}", flush=True)

    scaled = logits(task.network, task.test.x) / temperature
    return scaled.softmax(-1)


def mixed(task: Task, components: int, weights: str) -> Tensor:
    """Give the nodes of the trained network a prior, fit a mixture to them, and predict.

    Arguments:
        task: The task.
        components: Number of Gaussians K.
        weights: "frozen" or "fine-tuned".
    """
    settings = task.settings
    pyro.set_rng_seed(settings.seed)
    treatment = priors.Frozen() if weights == "frozen" else priors.Point()
    prior = priors.NodePrior(dist.Normal(1.0, settings.prior_scale), weights=treatment)
    model = zoo.BayesianNetwork(task.network, prior, likelihoods.Categorical())
    guide = guides.NodeMixture(
        model,
        num_components=components,
        init_scale=settings.init_scale,
        init_spread=settings.init_spread,
    )

    engine = inference.SVI(
        model,
        guide,
        num_steps=settings.num_steps,
        lr=settings.lr_nodes,
        optimizer=partial(two_rates, guide, lr_weights=settings.lr_weights),
        scheduler=partial(quarter, num_steps=settings.num_steps),
        progress=False,
    )
    posterior = engine.fit(task.train, batch_size=settings.batch_size)
    prediction = posterior.predict(task.test.x, settings.num_samples, progress=False)

    return prediction.probs


def quarter(optimizer: torch.optim.Optimizer, num_steps: int) -> LambdaLR:
    """Let the first learning rate fall linearly to a quarter in the second half of the steps."""
    half = num_steps / 2

    def falling(step: int) -> float:
        return 1 - 0.75 * max(0.0, (step - half) / half)

    def constant(step: int) -> float:
        return 1.0

    return LambdaLR(optimizer, [falling, constant])


def scores(probs: Tensor, y: Tensor) -> dict[str, float]:
    """Return error in per cent, NLL in nats per image, and calibration error in 15 bins."""
    accuracy = float(metrics.accuracy(probs, y))
    log_probs = probs.clamp_min(1e-30).log()
    log_prob = log_probs.gather(-1, y.unsqueeze(-1)).squeeze(-1)

    return {
        "error %": 100 * (1 - accuracy),
        "nll": float(metrics.nll(log_prob)),
        "ece": float(metrics.calibration_error(probs, y)),
    }


def run(task: Task, out: Path) -> None:
    """Compute the rows of a task that the file does not have, and write each one."""
    for row, predict in rows_of(task):
        results: dict = {"table": [], "settings": {}}
        if out.is_file():
            results = json.loads(out.read_text())

        row = {"data": task.name, "K": None, "weights": None} | row
        if any(row.items() <= known.items() for known in results["table"]):
            continue

        began = time.perf_counter()
        row |= scores(predict(task), task.test.y)
        row["seconds"] = round(time.perf_counter() - began, 1)
        results["table"].append(row)

        sizes = {
            "train": len(task.train.x),
            "held_out": len(task.held_out.x),
            "test": len(task.test.x),
        }
        results["settings"][task.name] = asdict(task.settings) | sizes
        results["threads"] = torch.get_num_threads()
        write(out, results)
        print(row, flush=True)


def table_in(out: Path) -> Table:
    """Return the table of the rows in a file."""
    rows = []
    if out.is_file():
        rows = json.loads(out.read_text())["table"]

    cells = []
    for row in sorted(rows, key=_order):
        cells.append(tuple(row[column] for column in COLUMNS))

    return Table(COLUMNS, cells, DIGITS)


def _order(row: dict) -> tuple[str, str, str, int]:
    return (row["data"], row["method"], row["weights"] or "", row["K"] or 0)


def parsed() -> argparse.Namespace:
    """Parse the arguments of the command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.pretrained",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--mnist", type=Path, help="folder with MNIST/raw")
    parser.add_argument("--fashion", type=Path, help="folder with FashionMNIST/raw")
    parser.add_argument("--cifar", type=Path, help="folder with cifar-10-batches-py")
    parser.add_argument(
        "--checkpoint",
        type=Path,
        help="ResNet-20 of github.com/akamaster/pytorch_resnet_cifar10",
    )
    parser.add_argument(
        "--lenet-epochs", type=int, default=40, help="epochs of LeNet-5's training"
    )
    parser.add_argument(
        "--lenet-steps",
        type=int,
        default=800,
        help="gradient steps of each fit on LeNet-5",
    )
    parser.add_argument(
        "--resnet-steps",
        type=int,
        default=150,
        help="gradient steps of each fit on ResNet-20",
    )
    parser.add_argument(
        "--out", type=Path, default=RESULTS, help="file for the results"
    )

    return parser.parse_args()


def main() -> None:
    """Run the tasks whose data are given, and print the table."""
    arguments = parsed()
    epochs = arguments.lenet_epochs
    steps = arguments.lenet_steps
    if arguments.mnist:
        task = lenet("MNIST", datasets.mnist, arguments.mnist, epochs, steps)
        run(task, arguments.out)
    if arguments.fashion:
        load = datasets.fashion_mnist
        task = lenet("Fashion-MNIST", load, arguments.fashion, epochs, steps)
        run(task, arguments.out)
    if arguments.cifar:
        task = resnet(arguments.cifar, arguments.checkpoint, arguments.resnet_steps)
        run(task, arguments.out)

    print(table_in(arguments.out))


if __name__ == "__main__":
    main()
