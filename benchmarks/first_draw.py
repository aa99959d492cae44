"""Seconds to the first draw of NUTS and MCLMC and to the first step of SVI, all compiled.

    python -m benchmarks.first_draw

Each case runs in a new process with empty folders of the compiler (cold), in two more with
what the first one left there (warm, the faster of both), and in one without programs but
with compiled headers (new, as for another model). Seconds are those of `fit`,
which checks and traces the model, compiles it and makes one draw or one step; imports of
torch, Pyro and the zoo come before. Chains start at draws from the prior. The time of the
processor has that of g++, and depends less than the wall on other work of the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from torch import nn

import guides
import zoo
from benchmarks.record import write
from zoo import datasets, inference, likelihoods, networks, priors
from zoo.inference.mcmc.sampler import Sampler
from zoo.posterior.posterior import Posterior
from zoo.reports.table import Table

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "first_draw.json"
GOALS = {"cold": 12.0, "warm": 3.0}
NUM_WARM = 2
NUM_THREADS = 1
PROGRAMS = "programs"  # the folder of compiled programs
Problem = tuple[Any, tuple]


def one_layer() -> Problem:
    """Return the model and the data of `make demo`."""
    data = datasets.uci("yacht", split=0)
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    network = networks.MLP(6, 1, hidden=[10])
    model = zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(0.2))

    return model, data.train


def lenet_nodes() -> Problem:
    """Return LeNet-5 with frozen weights and random nodes, and 256 images of noise."""
    prior = priors.NodePrior(dist.Normal(1.0, 0.5), weights=priors.Frozen())
    model = zoo.BayesianNetwork(networks.LeNet5(), prior, likelihoods.Categorical())

    return model, (torch.randn(256, 1, 28, 28), torch.randint(10, (256,)))


def four_schools() -> Problem:
    """Return a Pyro model of six numbers."""

    def schools(y: torch.Tensor) -> None:
        mean = pyro.sample("mean", dist.Normal(0.0, 5.0))
        spread = pyro.sample("spread", dist.HalfCauchy(5.0))
        with pyro.plate("schools", len(y)):
            effect = pyro.sample("effect", dist.Normal(mean, spread))
            pyro.sample("y", dist.Normal(effect, 10.0), obs=y)

    return schools, (torch.tensor([28.0, 8.0, -3.0, 7.0]),)


def line() -> Problem:
    """Return a linear regression of six numbers: SVI fits networks only."""
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    model = zoo.BayesianNetwork(nn.Linear(5, 1), prior, likelihoods.Gaussian(0.2))

    return model, (torch.randn(100, 5), torch.randn(100, 1))


def draw(sampler: type[Sampler], problem: Problem, **options: Any) -> Posterior:
    """Make one draw of two chains.

    Arguments:
        sampler: One of `zoo.inference`.
        problem: The model and its data.
        options: Further arguments of the sampler.
    """
    model, data = problem
    engine = sampler(
        model,
        num_chains=2,
        init="prior",
        num_samples=1,
        compile=True,
        progress=False,
        **options,
    )
    return engine.fit(data)


def nuts(problem: Problem, depth: int = 7) -> Posterior:
    """Make a draw by NUTS, without a warm-up."""
    return draw(inference.NUTS, problem, warmup_steps=0, max_tree_depth=depth)


def mclmc(problem: Problem) -> Posterior:
    """Make a draw by a compiled loop of steps."""
    return draw(inference.MCLMC, problem, warmup_steps=1)


def svi(problem: Problem) -> Posterior:
    """Take one step of a fully factorised guide."""
    model, data = problem
    guide = guides.MeanField(model)
    engine = inference.SVI(model, guide, num_steps=1, compile=True, progress=False)

    return engine.fit(data)


CASES: dict[str, Callable[[], Posterior]] = {
    "NUTS, 6-10-1 on yacht": lambda: nuts(one_layer()),
    "NUTS, nodes of LeNet-5": lambda: nuts(lenet_nodes(), depth=2),
    "NUTS, Pyro model of six numbers": lambda: nuts(four_schools()),
    "MCLMC, 6-10-1 on yacht": lambda: mclmc(one_layer()),
    "MCLMC, Pyro model of six numbers": lambda: mclmc(four_schools()),
    "SVI, 6-10-1 on yacht": lambda: svi(one_layer()),
    "SVI, nodes of LeNet-5": lambda: svi(lenet_nodes()),
    "SVI, line of six numbers": lambda: svi(line()),
}


def main() -> None:
    """Run all cases, print the table and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", choices=CASES, help="run one case in this process")
    parser.add_argument("--only", default="", help="run cases whose names contain this")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(measured(CASES[arguments.case])))
        return

    rows = []
    for name in CASES:
        if arguments.only in name:
            rows.append(cold_and_warm(name))
            print(f"{name}: {rows[-1][1:]}", flush=True)

    processor = ("cold processor s", "warm processor s")
    headings = ("case", "cold s", "new s", "warm s", *processor)
    table = Table(headings, rows, {heading: 1 for heading in headings[1:]})
    print(f"\n{table}\ngoals: cold {GOALS['cold']} s, warm {GOALS['warm']} s")
    load = os.getloadavg()[1]
    results = {"table": table.to_dicts(), "goals": GOALS, "load of 5 minutes": load}
    write(arguments.out, results)


def cold_and_warm(name: str) -> tuple[str, float, float, float, float, float]:
    """Return the name of a case, its seconds and its seconds of the processor."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        cold = in_new_process(name, folder)
        warm = [in_new_process(name, folder) for _ in range(NUM_WARM)]
        shutil.rmtree(Path(folder, PROGRAMS))
        new = in_new_process(name, folder)

    seconds = [found["seconds"] for found in (cold, new, *warm)]
    processor = [found["processor"] for found in (cold, *warm)]

    return (name, *seconds[:2], min(seconds[2:]), processor[0], min(processor[1:]))


def in_new_process(name: str, folder: str) -> dict[str, float]:
    """Run a case in a new process whose compiler keeps its programs and headers in a folder."""
    programs = os.path.join(folder, PROGRAMS)
    environment = dict(os.environ, TORCHINDUCTOR_CACHE_DIR=programs, TMPDIR=folder)
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.first_draw"]
    run = subprocess.run(
        [*command, "--case", name],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
    )

    return json.loads(run.stdout.splitlines()[-1])


def measured(case: Callable[[], Posterior]) -> dict[str, float]:
    """Run a case and return its seconds, by the wall and of the processor.

    Raises:
        RuntimeError: The case was not compiled.
    """
    torch.set_num_threads(NUM_THREADS)
    pyro.set_rng_seed(0)
    began, used = time.perf_counter(), processor_seconds()
    posterior = case()
    seconds = time.perf_counter() - began
    if posterior.info.compiled != "compiled":
        raise RuntimeError(f"it was {posterior.info.compiled}, not compiled")

    return {"seconds": seconds, "processor": processor_seconds() - used}


def processor_seconds() -> float:
    """Return the seconds of the processor so far, those of ended programs included."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)

    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime


if __name__ == "__main__":
    main()
