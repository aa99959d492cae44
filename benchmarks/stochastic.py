"""Stochastic-gradient MCMC: what a step costs next to one of gradient descent, and 16 chains.

    python -m benchmarks.stochastic

The first table has the processor's seconds of a step of one chain, in turn with those of
gradient descent with momentum on the bare network, at the same batch and in the same mode of
its layers. The second has those of 16 chains in one call next to 16 single ones. Other
engines are chosen by `--engines`. It takes five minutes and writes results/stochastic.json.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor, nn
from torch.nn import functional

import zoo
from benchmarks.record import write
from zoo import inference, likelihoods, networks, priors
from zoo.inference.sgmcmc.engine import StochasticEngine
from zoo.reports.table import Cell, Table

RESULTS = Path(__file__).parent / "results"
BATCH = 128
NUM_CHAINS = 16
NUM_EPOCHS = 4000  # for which "auto" decides; only the first are taken
PER_EPOCH = 5
NUM_BLOCKS, NUM_WARM = 24, 6
COLUMNS = ("network", "engine", "SGD ms", "step ms", "ratio", "run as")
COLUMNS_OF_CHAINS = ("engine", "1 chain ms", "16 chains ms", "ratio to 16 single")
NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "LeNet-5": (networks.LeNet5, (1, 28, 28)),
    "ResNet-20": (lambda: networks.ResNet(20), (3, 32, 32)),
}
Data = tuple[Tensor, Tensor]


def batches(x: Tensor, y: Tensor) -> Iterator[Data]:
    """Yield shuffled batches without end, as a fit takes them."""
    while True:
        for index in torch.randperm(len(x)).split(BATCH):
            yield x[index], y[index]


def descent(network: nn.Module, data: Data) -> Callable[[], None]:
    """Return a function that takes a step of gradient descent on the bare network."""
    network = copy.deepcopy(network).eval()  # as chains use it
    parameters = list(network.parameters())
    optimizer = torch.optim.SGD(parameters, lr=1e-3, momentum=0.9, weight_decay=1e-4)
    source = batches(*data)

    @torch.enable_grad()
    def step() -> None:
        x, y = next(source)
        optimizer.zero_grad()
        functional.cross_entropy(network(x), y).backward()
        optimizer.step()

    return step


def timed(kind: type[StochasticEngine], rival: Callable[[], None] | None) -> Any:
    """Return an engine that measures its epochs, in turn with as many steps of a rival.

    Arguments:
        kind: The engine.
        rival: Takes one step; None for none.
    """
    ours: list[float] = []
    theirs: list[float] = []

    class Kernel(kind.kernel_type):  # type: ignore[name-defined, misc]
        def transition(self) -> Any:
            began = time.process_time()
            info = super().transition()
            middle = time.process_time()
            for _ in range(PER_EPOCH if rival else 0):
                rival()  # type: ignore[misc]

            ours.append((middle - began) / PER_EPOCH)
            theirs.append((time.process_time() - middle) / PER_EPOCH)
            if len(ours) == NUM_BLOCKS:
                raise KeyboardInterrupt

            return info

    class Timed(kind):  # type: ignore[valid-type, misc]
        kernel_type = Kernel
        seconds = ours, theirs

    return Timed


def seconds(
    kind: type[StochasticEngine], network: nn.Module, data: Data, num_chains: int
) -> tuple[float, float, str]:
    """Return the median seconds of a step and of one of descent, and how ours was run."""
    rival = descent(network, data) if num_chains == 1 else None
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    model = zoo.BayesianNetwork(network, prior, likelihoods.Categorical())
    engine = timed(kind, rival)
    sampler = engine(
        model,
        lr=1e-4,
        num_epochs=NUM_EPOCHS,
        num_chains=num_chains,
        progress=False,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is interrupted
        posterior = sampler.fit(data, batch_size=BATCH)

    ours, theirs = (statistics.median(each[NUM_WARM:]) for each in engine.seconds)

    return ours, theirs, posterior.info.compiled


def cost(name: str, kind: type[StochasticEngine]) -> tuple[Cell, ...]:
    """Return a row of the first table."""
    torch.manual_seed(0)
    make, shape = NETWORKS[name]
    size = PER_EPOCH * BATCH
    data = torch.randn(size, *shape), torch.randint(10, (size,))
    ours, theirs, run = seconds(kind, make(), data, 1)

    return name, kind.__name__, 1e3 * theirs, 1e3 * ours, ours / theirs, run


def chains(kind: type[StochasticEngine]) -> tuple[Cell, ...]:
    """Return a row of the second table, of the 64-30-10 network."""
    torch.manual_seed(0)
    size = PER_EPOCH * BATCH
    data = torch.randn(size, 64), torch.randint(10, (size,))
    one, _, _ = seconds(kind, networks.MLP(64, 10, hidden=[30]), data, 1)
    many, _, _ = seconds(kind, networks.MLP(64, 10, hidden=[30]), data, NUM_CHAINS)

    return kind.__name__, 1e3 * one, 1e3 * many, many / (NUM_CHAINS * one)


def main() -> None:
    """Measure, print both tables, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--engines", default="SGHMC")
    parser.add_argument("--out", type=Path, default=RESULTS / "stochastic.json")
    arguments = parser.parse_args()
    torch.set_num_threads(1)

    kinds = [getattr(inference, name) for name in arguments.engines.split(",")]
    costs, of_chains = [], []
    for kind in kinds:
        for name in arguments.networks.split(","):
            costs.append(cost(name, kind))
            print(*costs[-1], flush=True)

        of_chains.append(chains(kind))

    print(Table(COLUMNS, costs), Table(COLUMNS_OF_CHAINS, of_chains), sep="\n\n")
    write(
        arguments.out,
        {
            "costs": [dict(zip(COLUMNS, row, strict=True)) for row in costs],
            "chains": [
                dict(zip(COLUMNS_OF_CHAINS, row, strict=True)) for row in of_chains
            ],
        },
    )


if __name__ == "__main__":
    main()
