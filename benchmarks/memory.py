"""Peak memory of one step of a ResNet-50, under each guide and without any: `python -m benchmarks.memory`.

Each case runs in a process of its own. Its memory is the highest resident set size from
after the imports to the end of the step, less that after the imports: network, guide,
gradients and activations, all that the method asks for. On CUDA it is torch's own count
of allocated bytes. A step is one gradient of the loss (`gradient`), or the second step
of training with Adam (`fit`, for in the first its moments are not there yet):
`inference.SVI` with all that it keeps, beside a loop written by hand.
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

import pyro
import pyro.distributions as dist
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import guides
import zoo
from benchmarks.record import write
from zoo import inference, likelihoods, priors
from zoo.inference.svi.elbo import elbo
from zoo.reports.table import Table
from zoo.runtime.effects import Substitute
from zoo.runtime.modes import training_mode
from zoo.runtime.torchvision_shim import load_torchvision

RESULTS = Path(__file__).parent / "results" / "memory.json"
MEGABYTE = 2**20
NODES = priors.NodePrior(dist.Normal(1.0, 0.1), weights=priors.Point())
FROZEN = priors.NodePrior(dist.Normal(1.0, 0.1), weights=priors.Frozen())
WEIGHTS = priors.WeightPrior(priors.all_but_normalisation(dist.Normal(0.0, 0.1)))
CASES: dict[str, tuple[object, Callable[..., object]] | None] = {
    "deterministic": None,
    "NodeMixture": (NODES, guides.NodeMixture),
    "NodeMixture, weights frozen": (FROZEN, guides.NodeMixture),
    "MCDropout": (WEIGHTS, guides.MCDropout),
    "LocalReparam": (WEIGHTS, guides.LocalReparam),
    "MeanField": (WEIGHTS, guides.MeanField),
}
STEPS = ("gradient", "fit")


def main() -> None:
    """Run every case in a process of its own, print a table and write the results."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.memory", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--batch", type=int, default=2, help="images in a batch")
    parser.add_argument("--size", type=int, default=224, help="pixels along each side")
    parser.add_argument(
        "--case",
        choices=list(CASES),
        help="run this one alone and print its numbers as JSON",
    )
    parser.add_argument(
        "--step",
        choices=STEPS,
        default="gradient",
        help="which step the one case takes",
    )
    parser.add_argument(
        "--out", type=Path, default=RESULTS, help="where the results go"
    )
    arguments = parser.parse_args()
    if arguments.case is not None:
        print(json.dumps(measured(arguments.case, arguments.step, arguments)))
        return
    found = {
        (case, step): in_fresh_process(case, step, arguments)
        for case in CASES
        for step in STEPS
    }
    rows = [
        {
            "case": case,
            "step": step,
            **facts,
            "times": facts["megabytes"] / found["deterministic", step]["megabytes"],
        }
        for (case, step), facts in found.items()
    ]
    settings = {
        "network": "torchvision resnet50, random weights",
        "batch": arguments.batch,
        "size": arguments.size,
    }
    facts = {
        "table": rows,
        "settings": settings,
    }
    write(arguments.out, facts, arguments.device)
    digits = {"megabytes": 0, "seconds": 1, "times": 2}
    print(Table(tuple(rows[0]), [tuple(row.values()) for row in rows], digits))


def in_fresh_process(
    case: str, step: str, arguments: argparse.Namespace
) -> dict[str, float]:
    """Measure one case where nothing else has been."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.memory",
        "--case",
        case,
        "--step",
        step,
        "--device",
        arguments.device,
    ]
    command += ["--batch", str(arguments.batch), "--size", str(arguments.size)]
    facts = json.loads(
        subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    )
    print(f"{case}, {step}: {facts}", file=sys.stderr, flush=True)
    return facts


def measured(case: str, step: str, arguments: argparse.Namespace) -> dict[str, float]:
    """Build a case, take its step, and return megabytes and seconds."""
    pyro.set_rng_seed(0)
    make_network = load_torchvision().models.resnet50
    x = torch.randn(
        arguments.batch, 3, arguments.size, arguments.size, device=arguments.device
    )
    y = torch.arange(arguments.batch, device=arguments.device)
    before = start_counting(arguments.device)
    network = make_network(weights=None).to(arguments.device)
    take = (
        plain(network, step, x, y)
        if CASES[case] is None
        else bayesian(network, CASES[case], step, x, y)
    )
    began = time.perf_counter()
    take()
    seconds = time.perf_counter() - began
    return {
        "megabytes": round(peak(arguments.device) - before, 1),
        "seconds": round(seconds, 2),
    }


def plain(network: nn.Module, step: str, x: Tensor, y: Tensor) -> Callable[[], None]:
    """Return the step of the network alone."""

    def gradient() -> None:
        F.cross_entropy(network(x), y).backward()

    def fit() -> None:
        optimizer = torch.optim.Adam(network.parameters())
        for _ in range(2):
            optimizer.zero_grad()
            gradient()
            optimizer.step()

    return gradient if step == "gradient" else fit


def bayesian(
    network: nn.Module, case: tuple, step: str, x: Tensor, y: Tensor
) -> Callable[[], None]:
    """Return the step of the network under a prior and a guide."""
    prior, make_guide = case
    model = zoo.BayesianNetwork(network, prior, likelihoods.Categorical())
    guide = make_guide(model)

    def gradient() -> None:
        own = dict(network.named_parameters())
        points = {
            name: nn.Parameter(own[name].detach()) for name in model.plan.points
        }  # the network's own storage
        with (
            pyro.validation_enabled(False),
            training_mode(model.network, model.plan.frozen),
            Substitute(points),
        ):
            (-elbo(model, guide, x, y) / len(x)).backward()

    def fit() -> None:
        inference.SVI(model, guide, num_steps=2, progress=False).fit((x, y))

    return gradient if step == "gradient" else fit


def start_counting(device: str) -> float:
    """Forget the highest use so far, and return the present one in megabytes."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated() / MEGABYTE
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    Path("/proc/self/clear_refs").write_text(
        "5"
    )  # Linux: the peak becomes what is resident now
    return resident("VmRSS")


def peak(device: str) -> float:
    """Return the highest use since counting started, in megabytes."""
    return (
        torch.cuda.max_memory_allocated() / MEGABYTE
        if device == "cuda"
        else resident("VmHWM")
    )


def resident(key: str) -> float:
    """Read the process's resident set size from Linux, in megabytes."""
    return (
        int(re.search(rf"{key}:\s+(\d+) kB", Path("/proc/self/status").read_text())[1])
        / 1024
    )


if __name__ == "__main__":
    main()
