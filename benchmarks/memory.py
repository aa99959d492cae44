"""Peak memory of one step of a ResNet-50, under each guide and without any.

    python -m benchmarks.memory

Each case runs in a process of its own. Its memory is the peak resident set size between
the end of the imports and the end of the step, minus that after the imports: network,
guide, gradients and activations. On CUDA it is torch's own count of allocated bytes. A
step is one gradient of the loss (`gradient`), or the second training step with Adam
(`fit`; in the first one its moments do not exist yet): `inference.SVI` with all that it
keeps, against a loop written by hand.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pyro
import pyro.distributions as dist
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import guides
import zoo
from benchmarks.record import write
from guides import Guide
from zoo import inference, likelihoods, priors
from zoo.inference.svi.elbo import elbo
from zoo.priors.prior import Prior
from zoo.reports.table import Table
from zoo.runtime.effects import Substitute
from zoo.runtime.modes import training_mode
from zoo.runtime.torchvision_shim import load_torchvision

RESULTS = Path(__file__).parent / "results" / "memory.json"
MEGABYTE = 2**20
NODES = priors.NodePrior(dist.Normal(1.0, 0.1), weights=priors.Point())
FROZEN = priors.NodePrior(dist.Normal(1.0, 0.1), weights=priors.Frozen())
WEIGHTS = priors.WeightPrior(priors.all_but_normalisation(dist.Normal(0.0, 0.1)))
STEPS = ("gradient", "fit")
DIGITS = {"megabytes": 0, "seconds": 1, "times": 2}


class Case(NamedTuple):
    """The prior and the guide of a case."""

    prior: Prior
    make_guide: Callable[[zoo.BayesianNetwork], Guide]


CASES: dict[str, Case | None] = {
    "deterministic": None,
    "NodeMixture": Case(NODES, guides.NodeMixture),
    "NodeMixture, weights frozen": Case(FROZEN, guides.NodeMixture),
    "MCDropout": Case(WEIGHTS, guides.MCDropout),
    "LocalReparam": Case(WEIGHTS, guides.LocalReparam),
    "MeanField": Case(WEIGHTS, guides.MeanField),
}


def parsed() -> argparse.Namespace:
    """Parse the arguments of the command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.memory", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--batch", type=int, default=2, help="images in a batch")
    parser.add_argument("--size", type=int, default=224, help="pixels along each side")
    parser.add_argument(
        "--case",
        choices=list(CASES),
        help="measure this case alone and print its results as JSON",
    )
    parser.add_argument(
        "--step", choices=STEPS, default="gradient", help="the step of the one case"
    )
    parser.add_argument(
        "--out", type=Path, default=RESULTS, help="file for the results"
    )

    return parser.parse_args()


def main() -> None:
    """Measure every case in a process of its own, print a table and write the results."""
    arguments = parsed()
    if arguments.case is not None:
        print(json.dumps(measured(arguments.case, arguments.step, arguments)))
        return

    rows = measured_all(arguments)
    settings = {
        "network": "torchvision resnet50, random weights",
        "batch": arguments.batch,
        "size": arguments.size,
    }
    contents = {"table": rows, "settings": settings}
    write(arguments.out, contents, arguments.device)

    cells = [tuple(row.values()) for row in rows]
    print(Table(tuple(rows[0]), cells, DIGITS))


def measured_all(arguments: argparse.Namespace) -> list[dict[str, object]]:
    """Return a row for each case and step; "times" is relative to the network alone."""
    found = {}
    for case in CASES:
        for step in STEPS:
            found[case, step] = in_fresh_process(case, step, arguments)

    rows = []
    for (case, step), cost in found.items():
        times = cost["megabytes"] / found["deterministic", step]["megabytes"]
        rows.append({"case": case, "step": step, **cost, "times": times})

    return rows


def in_fresh_process(
    case: str, step: str, arguments: argparse.Namespace
) -> dict[str, float]:
    """Measure one case in a process of its own."""
    program = [sys.executable, "-m", "benchmarks.memory"]
    options = {
        "--case": case,
        "--step": step,
        "--device": arguments.device,
        "--batch": str(arguments.batch),
        "--size": str(arguments.size),
    }
    command = list(program)
    for name, value in options.items():
        command += [name, value]

    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    cost = json.loads(run.stdout)
    print(f"{case}, {step}: {cost}", file=sys.stderr, flush=True)

    return cost


def measured(name: str, step: str, arguments: argparse.Namespace) -> dict[str, float]:
    """Build a case, run its step, and return megabytes and seconds."""
    pyro.set_rng_seed(0)
    device = arguments.device
    make_network = load_torchvision().models.resnet50
    shape = (arguments.batch, 3, arguments.size, arguments.size)
    x = torch.randn(shape, device=device)
    y = torch.arange(arguments.batch, device=device)

    before = start_counting(device)
    network = make_network(weights=None).to(device)
    run = plain(network, step, x, y)
    case = CASES[name]
    if case is not None:
        run = bayesian(network, case, step, x, y)

    began = time.perf_counter()
    run()
    seconds = time.perf_counter() - began
    megabytes = peak(device) - before

    return {"megabytes": round(megabytes, 1), "seconds": round(seconds, 2)}


def plain(network: nn.Module, step: str, x: Tensor, y: Tensor) -> Callable[[], None]:
    """Return the step of the network alone."""

    def gradient() -> None:
        loss = F.cross_entropy(network(x), y)
        loss.backward()

    def fit() -> None:
        optimizer = torch.optim.Adam(network.parameters())
        for _ in range(2):
            optimizer.zero_grad()
            gradient()
            optimizer.step()

    return gradient if step == "gradient" else fit


def bayesian(
    network: nn.Module, case: Case, step: str, x: Tensor, y: Tensor
) -> Callable[[], None]:
    """Return the step of the network under a prior and a guide."""
    model = zoo.BayesianNetwork(network, case.prior, likelihoods.Categorical())
    guide = case.make_guide(model)

    def gradient() -> None:
        own = dict(network.named_parameters())
        points = {}
        for name in model.plan.points:  # in the network's own storage
            points[name] = nn.Parameter(own[name].detach())

        with (
            pyro.validation_enabled(False),
            training_mode(model.network, model.plan.frozen),
            Substitute(points),
        ):
            loss = -elbo(model, guide, x, y) / len(x)
            loss.backward()

    def fit() -> None:
        engine = inference.SVI(model, guide, num_steps=2, progress=False)
        engine.fit((x, y))

    return gradient if step == "gradient" else fit


def start_counting(device: str) -> float:
    """Reset the peak, and return the present use in megabytes."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated() / MEGABYTE

    ctypes.CDLL("libc.so.6").malloc_trim(0)
    # On Linux this sets the peak to the present resident set size.
    Path("/proc/self/clear_refs").write_text("5")

    return resident("VmRSS")


def peak(device: str) -> float:
    """Return the peak since counting started, in megabytes."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / MEGABYTE
    return resident("VmHWM")


def resident(key: str) -> float:
    """Read the process's resident set size from Linux, in megabytes."""
    status = Path("/proc/self/status").read_text()
    match = re.search(rf"{key}:\s+(\d+) kB", status)
    return int(match[1]) / 1024


if __name__ == "__main__":
    main()
