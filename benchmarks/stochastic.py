"""Stochastic-gradient MCMC: what a step costs next to one of gradient descent, and 16 chains.

    python -m benchmarks.stochastic

The first table has the processor's seconds of a step of one chain, in turn with those of
gradient descent with momentum on the bare network, at the same batch and in the same mode of
its layers. The second has those of 16 chains in one call next to 16 single ones. Where the
package posteriors is installed (0.1.3), its SGHMC stands beside ours: a step on the networks,
and the variances on conjugate regression. Other engines are chosen by `--engines`, and
`--parts` measures a part anew and keeps the others. It takes ten minutes and writes
results/stochastic.json.
"""

from __future__ import annotations

import argparse
import copy
import json
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
from benchmarks import stochastic_peer
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
COLUMNS_OF_PEER = ("network", "posteriors ms", "step ms", "ratio", "run as")
COLUMNS_OF_CHAINS = ("engine", "1 chain ms", "16 chains ms", "ratio to 16 single")
NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "LeNet-5": (networks.LeNet5, (1, 28, 28)),
    "ResNet-20": (lambda: networks.ResNet(20), (3, 32, 32)),
}
Data = tuple[Tensor, Tensor]
Rows = list[dict[str, Cell]]


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


def timed(kind: type[StochasticEngine], rival: Callable[[], object] | None) -> Any:
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
    kind: type[StochasticEngine],
    network: nn.Module,
    data: Data,
    num_chains: int,
    rival: Callable[[], object] | None = None,
    compile: bool | str = "auto",
) -> tuple[float, float, str]:
    """Return the median seconds of a step and of one of a rival, and how ours was run."""
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    model = zoo.BayesianNetwork(network, prior, likelihoods.Categorical())
    engine = timed(kind, rival)
    sampler = engine(
        model,
        lr=1e-4,
        num_epochs=NUM_EPOCHS,
        num_chains=num_chains,
        compile=compile,
        progress=False,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is interrupted
        posterior = sampler.fit(data, batch_size=BATCH)

    ours, theirs = (statistics.median(each[NUM_WARM:]) for each in engine.seconds)

    return ours, theirs, posterior.info.compiled


def cost(
    name: str, kind: type[StochasticEngine], compile: bool | str = "auto"
) -> tuple[Cell, ...]:
    """Return a row of the first table."""
    network, data = problem(name)
    rival = descent(network, data)
    ours, theirs, run = seconds(kind, network, data, 1, rival, compile)

    return name, kind.__name__, 1e3 * theirs, 1e3 * ours, ours / theirs, run


def problem(name: str) -> tuple[nn.Module, Data]:
    """Return a network, and images of noise for it."""
    torch.manual_seed(0)
    make, shape = NETWORKS[name]
    size = PER_EPOCH * BATCH

    return make(), (torch.randn(size, *shape), torch.randint(10, (size,)))


def cost_of_peer(name: str) -> tuple[Cell, ...]:
    """Return a row of the third table: a step of the peer's SGHMC and of ours."""
    network, data = problem(name)
    source = batches(*data)
    rival = stochastic_peer.network_step(copy.deepcopy(network), source, len(data[0]))
    ours, theirs, run = seconds(inference.SGHMC, network, data, 1, rival)

    return name, 1e3 * theirs, 1e3 * ours, ours / theirs, run


def chains(kind: type[StochasticEngine]) -> tuple[Cell, ...]:
    """Return a row of the second table, of the 64-30-10 network."""
    torch.manual_seed(0)
    size = PER_EPOCH * BATCH
    data = torch.randn(size, 64), torch.randint(10, (size,))
    one, _, _ = seconds(kind, networks.MLP(64, 10, hidden=[30]), data, 1)
    many, _, _ = seconds(kind, networks.MLP(64, 10, hidden=[30]), data, NUM_CHAINS)

    return kind.__name__, 1e3 * one, 1e3 * many, many / (NUM_CHAINS * one)


def rows(columns: tuple[str, ...], cells: list[tuple[Cell, ...]]) -> Rows:
    """Return a table as JSON has it, after it is printed."""
    print(Table(columns, cells), end="\n\n", flush=True)
    return [dict(zip(columns, row, strict=True)) for row in cells]


def costs(names: list[str], kinds: list[type[StochasticEngine]]) -> dict[str, Rows]:
    """Measure the first table: steps in the mode that "auto" chooses, and traced."""
    cells = [
        cost(name, kind, compile)
        for kind in kinds
        for name in names
        for compile in ("auto", False)
    ]

    return {"costs": rows(COLUMNS, cells)}


def of_peer(names: list[str]) -> dict[str, Rows]:
    """Measure the peer: the cost of a step, and the errors on conjugate regression."""
    if not stochastic_peer.is_installed():
        print(stochastic_peer.ABSENT)
        return {}

    cells = [cost_of_peer(name) for name in names]
    errors = stochastic_peer.against_regression()

    return {
        "cost of posteriors": rows(COLUMNS_OF_PEER, cells),
        "errors of posteriors": rows(stochastic_peer.COLUMNS, errors),
    }


def main() -> None:
    """Measure, print the tables, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--engines", default="SGHMC")
    parser.add_argument("--parts", default="costs,chains,peer")
    parser.add_argument("--out", type=Path, default=RESULTS / "stochastic.json")
    arguments = parser.parse_args()
    torch.set_num_threads(1)

    kinds = [getattr(inference, name) for name in arguments.engines.split(",")]
    names, parts = arguments.networks.split(","), arguments.parts.split(",")
    known: dict[str, Any] = {}
    if arguments.out.is_file():
        known = json.loads(arguments.out.read_text())

    if "costs" in parts:
        known |= costs(names, kinds)
    if "chains" in parts:
        known["chains"] = rows(COLUMNS_OF_CHAINS, [chains(kind) for kind in kinds])
    if "peer" in parts:
        known |= of_peer(names)

    write(arguments.out, known)


if __name__ == "__main__":
    main()
