"""IVON: what a step costs next to Adam without a posterior, and its steps next to a peer's.

    pip install ivon-opt
    python -m benchmarks.natural

The first table has the processor's seconds of a step in two precisions, in turn with those
of fused Adam on the bare network at the same precision, batch and memory format. The second
part takes 50 steps with the authors' program at the same noise and the same step sizes, and
says by how much means and curvatures differ. Without that program it says so. It takes ten
minutes and writes results/natural.json.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn
from torch.nn import functional

import zoo
from benchmarks.record import write
from zoo import inference, likelihoods, networks, priors
from zoo.reports.table import Cell, Table

RESULTS = Path(__file__).parent / "results"
PRECISIONS = ("float32", "bf16")
COLUMNS = ("network", "batch", "precision", "Adam ms", "IVON ms", "ratio", "run as")
NUM_STEPS = 5000  # for which "auto" decides; only the first are taken
NUM_BLOCKS, NUM_WARM = 8, 3

NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], int, int]] = {
    "784-400-400-10": (
        lambda: networks.MLP(784, 10, hidden=[400, 400], activation=nn.ReLU),
        (784,),
        512,
        30,
    ),
    "LeNet-5": (networks.LeNet5, (1, 28, 28), 512, 10),
    "ResNet-20": (lambda: networks.ResNet(20), (3, 32, 32), 128, 3),
}


def batches(x: Tensor, y: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield shuffled batches without end, as a fit takes them."""
    while True:
        for index in torch.randperm(len(x)).split(size):
            yield x[index], y[index]


def adam(
    network: nn.Module, data: tuple[Tensor, Tensor], size: int, precision: str
) -> Callable[[], None]:
    """Return a function that takes a step of fused Adam on the bare network."""
    network = copy.deepcopy(network).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    source = batches(*data, size)
    is_half = precision == "bf16"

    def step() -> None:
        x, y = next(source)
        if x.dim() == 4:
            x = x.contiguous(memory_format=torch.channels_last)

        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=is_half):
            output = network(x)

        loss = functional.cross_entropy(output.float(), y)
        loss.backward()
        optimizer.step()
        loss.item()

    return step


class InTurn:
    """A scheduler of constant rate that times blocks of steps, in turn with a rival's.

    Arguments:
        rival: Takes one step.
        block: Steps in a block.
    """

    def __init__(self, rival: Callable[[], None], block: int) -> None:
        self.rival = rival
        self.block = block
        self.ours: list[float] = []
        self.theirs: list[float] = []
        self.done = 0
        self.began = 0.0

    def __call__(self, optimizer: torch.optim.Optimizer) -> InTurn:
        """Return the scheduler of an optimiser."""
        return self

    def step(self) -> None:
        """Count one step; at the end of a block let the rival take as many."""
        self.done += 1
        if self.done % self.block:
            return

        middle = time.process_time()
        for _ in range(self.block):
            self.rival()

        self.ours.append((middle - self.began) / self.block)
        self.theirs.append((time.process_time() - middle) / self.block)
        if len(self.ours) == NUM_BLOCKS:
            raise KeyboardInterrupt

        self.began = time.process_time()


def cost(name: str, precision: str) -> tuple[Cell, ...]:
    """Return a row of the table of costs."""
    make, shape, size, block = NETWORKS[name]
    torch.manual_seed(0)
    network = make()
    num_data = 8 * size
    data = torch.randn(num_data, *shape), torch.randint(10, (num_data,))
    rule = priors.all_but_normalisation(dist.Normal(0.0, 1.0), otherwise=priors.Point())
    model = zoo.BayesianNetwork(
        network, priors.WeightPrior(rule), likelihoods.Categorical()
    )

    clock = InTurn(adam(network, data, size, precision), block)
    engine = inference.IVON(
        model,
        num_steps=NUM_STEPS,
        scheduler=clock,
        precision=precision,
        progress=False,
    )
    info = engine.fit(data, batch_size=size).info
    ours = 1e3 * statistics.median(clock.ours[NUM_WARM:])
    theirs = 1e3 * statistics.median(clock.theirs[NUM_WARM:])

    return name, size, precision, theirs, ours, ours / theirs, info.compiled


def peer_difference(num_steps: int = 50) -> dict[str, object]:
    """Return the largest differences from `ivon-opt` after some steps at the same noise."""
    try:
        import ivon
    except ImportError:
        return {"peer": "ivon-opt is not installed"}

    x = torch.linspace(-1, 1, 12)[:, None]
    y = torch.sin(2 * x)
    hess_init, delta, rate = 0.3, 1 / (len(x) * 4.0), 0.5
    torch.manual_seed(0)
    network = nn.Linear(1, 1)
    theirs = copy.deepcopy(network)
    shared = {"beta1": 0.8, "beta2": 0.95, "hess_init": hess_init}
    optimizer = ivon.IVON(
        theirs.parameters(),
        lr=rate,
        ess=len(x),
        weight_decay=delta,
        rescale_lr=False,
        **shared,
    )
    pyro.set_rng_seed(1)
    for _ in range(num_steps):
        group = optimizer.param_groups[0]
        mean = (group["hess"] + delta).log().mean().exp().item()
        group["lr"] = rate * min(mean, hess_init + delta)
        with optimizer.sampled_params(train=True):
            optimizer.zero_grad()
            (0.5 * ((theirs(x) - y) / 0.5).square().mean()).backward()

        optimizer.step()

    prior = priors.WeightPrior(dist.Normal(0.0, 2.0))
    model = zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(0.5))
    engine = inference.IVON(
        model, num_steps=num_steps, lr=rate, scheduler=None, progress=False, **shared
    )
    pyro.set_rng_seed(1)
    ours = engine.fit((x, y)).distributions()
    names = ("weight", "bias")
    means = torch.cat([ours[name].mean.flatten() for name in names])
    scales = torch.cat([ours[name].stddev.flatten() for name in names])
    hess = 1 / (len(x) * scales.square()) - delta
    their_means = torch.cat([each.detach().flatten() for each in theirs.parameters()])

    return {
        "peer": "ivon-opt",
        "steps": num_steps,
        "largest relative difference of means": _relative(means, their_means),
        "of curvatures": _relative(hess, optimizer.param_groups[0]["hess"]),
    }


def _relative(values: Tensor, others: Tensor) -> float:
    """Return the largest relative difference of two vectors."""
    return float(((values - others) / others).abs().max())


def main() -> None:
    """Measure the costs and the differences, and write both."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.natural", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--out", type=Path, default=RESULTS / "natural.json")
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    rows = []
    for name in NETWORKS:
        for precision in PRECISIONS:
            rows.append(cost(name, precision))
            print(rows[-1], flush=True)

    table = Table(COLUMNS, rows, {"ratio": 3})
    peer = peer_difference()
    print(table, peer, sep="\n")
    write(arguments.out, {"cost": table.to_dicts(), "steps of a peer": peer})


if __name__ == "__main__":
    main()
