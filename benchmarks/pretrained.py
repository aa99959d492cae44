"""Trained networks made Bayesian: K Gaussians over the nodes, beside temperature scaling.

    python -m benchmarks.pretrained --mnist ../shared/data/mnist --fashion FOLDER python
    -m benchmarks.pretrained --cifar FOLDER --checkpoint
    ../shared/data/cifar10_resnets/resnet20-12fca82f.th

Scalable Bayesian neural networks by layer-wise input augmentation (Trinh, Kaski,
Heinonen, 2020): a trained network gets a node prior, N(1, 0.1²) for the ResNet and N(1,
0.5²) for LeNet-5, its weights stay frozen or are fine-tuned at a small rate, the nodes
learn at a large one that falls to a quarter. On Calibration of Modern Neural Networks
(Guo et al., 2017): the rival, one number.

LeNet-5 is trained here and its temperature fitted to 5,000 training images kept aside.
The ResNet-20 was trained on all of CIFAR-10's training part, so its temperature is
fitted to 2,000 test images, and all is scored on 4,000 others. Rows are written as they
come, and a run that is started again goes on after the last one.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import pyro
import pyro.distributions as dist
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import guides
import zoo
from benchmarks.record import write
from zoo import datasets, inference, likelihoods, metrics, networks, priors
from zoo.datasets import Split
from zoo.datasets.images import IMAGENET
from zoo.experiments.nodes_cifar10 import two_rates
from zoo.experiments.trained_resnets import resnet as trained
from zoo.reports.table import Table

RESULTS = Path(__file__).parent / "results" / "pretrained.json"
COMPONENTS = (4, 16, 8)
ROWS = 250  # images that are evaluated at once


@dataclass(frozen=True)
class Settings:
    """What a fit of the nodes is made of; scales are standard deviations.

    Arguments:
        num_steps: Gradient steps.
        batch_size: Images in a batch, well above K.
        prior_scale: Scale of the node prior round 1.
        spread: Scale of the components' means round 1 at the start.
        init_scale: Scale of each component at the start.
        lr_nodes: Learning rate of the nodes; linear to a quarter over the second half
            of the steps.
        lr_weights: Learning rate of the weights where they are fine-tuned.
        num_samples: Draws behind a prediction.
        seed: Seed of everything random.
    """

    num_steps: int
    batch_size: int = 128
    prior_scale: float = 0.1
    spread: float = 0.1
    init_scale: float = 0.05
    lr_nodes: float = 0.2
    lr_weights: float = 1e-4
    num_samples: int = 16
    seed: int = 0


@dataclass(frozen=True)
class Task:
    """A trained network with the data it was trained on, data for its temperature, and data to judge by."""

    name: str
    network: nn.Module
    train: Split
    held_out: Split
    test: Split
    settings: Settings


def lenet(
    name: str,
    load: Callable[..., datasets.Dataset],
    root: Path,
    epochs: int,
    steps: int,
) -> Task:
    """Train LeNet-5 as usual: epochs of Adam, its rate falling to zero as a cosine; the more, the surer it gets."""
    data = load(root, num_validation=5_000)
    pyro.set_rng_seed(0)
    network, batch = networks.LeNet5(10), 128
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(
        optimizer, epochs * -(-len(data.train.x) // batch)
    )
    for _ in range(epochs):
        for rows in torch.randperm(len(data.train.x)).split(batch):
            optimizer.zero_grad()
            F.cross_entropy(network(data.train.x[rows]), data.train.y[rows]).backward()
            optimizer.step()
            decay.step()
    name = f"{name}, LeNet-5, {epochs} epochs"
    # of three settings the one with the best NLL on the part held out, at K = 16 on Fashion-MNIST
    settings = Settings(
        num_steps=steps, prior_scale=0.5, init_spread=0.5, init_scale=0.2
    )
    return Task(name, network, data.train, data.validation, data.test, settings)


def resnet(root: Path, checkpoint: Path, steps: int) -> Task:
    """Take the trained ResNet-20 as it is."""
    data = datasets.cifar10(root, units=IMAGENET)
    test = data.test
    order = torch.randperm(len(test.x), generator=torch.Generator().manual_seed(0))
    held_out, rest = (
        Split(test.x[rows], test.y[rows])
        for rows in (order[:2_000], order[2_000:6_000])
    )
    return Task(
        "CIFAR-10, ResNet-20",
        trained(checkpoint, 20),
        data.train,
        held_out,
        rest,
        Settings(num_steps=steps),
    )


def rows_of(task: Task) -> Iterator[tuple[dict[str, object], Callable[[], Tensor]]]:
    """Name every row of a task, each with what gives its class probabilities at the test inputs."""
    yield (
        {"method": "deterministic"},
        lambda: logits(task.network, task.test.x).softmax(-1),
    )
    yield {"method": "temperature scaling"}, lambda: tempered(task)
    for components in COMPONENTS:
        for weights in ("frozen", "fine-tuned"):
            row = {"method": "NodeMixture", "K": components, "weights": weights}
            yield (
                row,
                lambda components=components, weights=weights: mixed(
                    task, components, weights
                ),
            )


@torch.no_grad()
def logits(network: nn.Module, x: Tensor) -> Tensor:
    """Evaluate a network (N, O)."""
    network.eval()
    return torch.cat([network(part) for part in x.split(ROWS)])


def tempered(task: Task) -> Tensor:
    """Fit a temperature to the part held out, and predict with it."""
    temperature = metrics.temperature_scaling(
        logits(task.network, task.held_out.x), task.held_out.y
    )
    print(f"{task.name}: temperature {temperature:.2f}", flush=True)
    return (logits(task.network, task.test.x) / temperature).softmax(-1)


def mixed(task: Task, components: int, weights: str) -> Tensor:
    """Put a prior on the nodes of the trained network, infer them, and predict."""
    settings = task.settings
    pyro.set_rng_seed(settings.seed)
    treatment = priors.Frozen() if weights == "frozen" else priors.Point()
    prior = priors.NodePrior(dist.Normal(1.0, settings.prior_scale), weights=treatment)
    model = zoo.BayesianNetwork(task.network, prior, likelihoods.Categorical())
    guide = guides.NodeMixture(
        model,
        num_components=components,
        init_scale=settings.init_scale,
        init_spread=settings.spread,
    )

    def decay(optimizer: torch.optim.Optimizer) -> object:
        half = settings.num_steps / 2
        falling = lambda step: 1 - 0.75 * max(0.0, (step - half) / half)  # noqa: E731
        return torch.optim.lr_scheduler.LambdaLR(optimizer, [falling, lambda step: 1.0])

    optimizer = partial(two_rates, guide, lr_weights=settings.lr_weights)
    engine = inference.SVI(
        model, guide, num_steps=settings.num_steps, lr=settings.lr_nodes, optimizer=optimizer, scheduler=decay,
        progress=False,
    )  # fmt: skip
    posterior = engine.fit(task.train, batch_size=settings.batch_size)
    return posterior.predict(task.test.x, settings.num_samples, progress=False).probs


def scores(probs: Tensor, y: Tensor) -> dict[str, float]:
    """Return error in per cent, NLL in nats per image, and calibration error in 15 bins."""
    return {
        "error %": 100 * (1 - float(metrics.accuracy(probs, y))),
        "nll": float(
            metrics.nll(
                probs.clamp_min(1e-30).log().gather(-1, y.unsqueeze(-1)).squeeze(-1)
            )
        ),
        "ece": float(metrics.calibration_error(probs, y)),
    }


def run(task: Task, out: Path) -> None:
    """Compute the rows of a task that the file does not have, and write each as it comes."""
    for row, predict in rows_of(task):
        facts = (
            json.loads(out.read_text())
            if out.is_file()
            else {"table": [], "settings": {}}
        )
        row = {"data": task.name, "K": None, "weights": None} | row
        if any(row.items() <= known.items() for known in facts["table"]):
            continue
        began = time.perf_counter()
        row |= scores(predict(), task.test.y)
        row["seconds"] = round(time.perf_counter() - began, 1)
        facts["table"].append(row)
        sizes = {
            part: len(getattr(task, part).x) for part in ("train", "held_out", "test")
        }
        facts["settings"][task.name] = asdict(task.settings) | sizes
        facts["threads"] = torch.get_num_threads()
        write(out, facts)
        print(row, flush=True)


def main() -> None:
    """Run the tasks whose data are named, and print the table."""
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
        "--lenet-epochs",
        type=int,
        default=40,
        help="epochs in which LeNet-5 is trained",
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
        "--out", type=Path, default=RESULTS, help="where the results go"
    )
    arguments = parser.parse_args()
    sizes = (arguments.lenet_epochs, arguments.lenet_steps)
    if arguments.mnist:
        run(lenet("MNIST", datasets.mnist, arguments.mnist, *sizes), arguments.out)
    if arguments.fashion:
        run(
            lenet("Fashion-MNIST", datasets.fashion_mnist, arguments.fashion, *sizes),
            arguments.out,
        )
    if arguments.cifar:
        run(
            resnet(arguments.cifar, arguments.checkpoint, arguments.resnet_steps),
            arguments.out,
        )
    columns = ("data", "method", "K", "weights", "error %", "nll", "ece", "seconds")
    rows = (
        json.loads(arguments.out.read_text())["table"]
        if arguments.out.is_file()
        else []
    )
    rows = sorted(
        rows,
        key=lambda row: (
            row["data"],
            row["method"],
            row["weights"] or "",
            row["K"] or 0,
        ),
    )
    digits = {"error %": 2, "ece": 4, "nll": 4, "seconds": 0}
    print(
        Table(
            columns, [tuple(row[column] for column in columns) for row in rows], digits
        )
    )


if __name__ == "__main__":
    main()
