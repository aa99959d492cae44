"""Samplers on posteriors with modes, and R-hat of weights before and after relabelling.

    python -m benchmarks.modes                          # all parts, about an hour of one core
    python -m benchmarks.modes --parts mixture labels   # minutes

It prints tables and writes results/modes.json. Parts:

- mixture: two normal modes with weights 0.7 and 0.3, far apart. Share of the first mode with its
  standard error over chains, by NUTS from draws of the prior, AIS and parallel tempering.
- labels: R-hat of weights of NUTS on the references `sinusoid` and on a network of 10 units, as
  drawn and relabelled, beside that of functions.
- references: parallel tempering on the candidates `yacht-50` and `energy-50`: the barrier, round
  trips, log evidence and R-hat of function values, which ship below 1.02 (99 %) and 1.05.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyro
import pyro.distributions as dist
import torch

from benchmarks.record import write
from zoo import inference, landscape, references
from zoo.diagnostics.convergence import Convergence, convergence
from zoo.model import BayesianNetwork
from zoo.networks import MLP
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.references.problem import Problem
from zoo.reports.table import Table

RESULTS = Path(__file__).parent / "results" / "modes.json"
WEIGHT, MODE, WIDTH, PRIOR_SCALE = 0.7, 4.0, 0.3, 5.0
QUIET = {"progress": False}


def two_modes() -> None:
    """Observe nothing but that two places are likely."""
    z = pyro.sample("z", dist.Normal(torch.zeros(2), PRIOR_SCALE).to_event(1))
    weights = dist.Categorical(torch.tensor([WEIGHT, 1 - WEIGHT]))
    modes = dist.Normal(torch.stack([z - MODE, z + MODE]), WIDTH).to_event(1)
    pyro.sample("y", dist.MixtureSameFamily(weights, modes), obs=torch.zeros(2))


def mixture(share: float, seed: int) -> Table:
    """Return the share of the first mode by each engine.

    Arguments:
        share: Of the usual number of draws.
        seed: The seed.
    """
    num_samples = max(10, int(1000 * share))
    chains = {"num_chains": 16, "num_samples": num_samples, "init": "prior", **QUIET}
    engines = {
        "NUTS": inference.NUTS(two_modes, warmup_steps=200, **chains),
        "AIS": inference.AIS(two_modes, num_particles=16 * num_samples, num_steps=200),
        "ParallelTempering": inference.ParallelTempering(
            two_modes, warmup_steps=200, num_temperatures=6, num_steps=5, **chains
        ),
    }
    rows = []
    for name, engine in engines.items():
        pyro.set_rng_seed(seed)
        began = time.process_time()
        posterior = engine.fit(())
        seconds = time.process_time() - began

        first = (posterior.draws["z"].mean(-1) > 0).double()  # (C, S)
        groups = first.mean(1) if len(first) > 1 else first.reshape(16, -1).mean(1)
        error = float(groups.std()) / math.sqrt(len(groups))
        evidence = getattr(posterior.info, "log_evidence", None)
        gradients = posterior.info.num_gradients
        row = (name, float(first.mean()), error, evidence, gradients, round(seconds, 1))
        rows.append(row)

    columns = ("engine", "share", "error", "log evidence", "gradients", "seconds")
    return Table(columns, rows)


def of_ten_units() -> Problem:
    """Return the problem of `sinusoid` with a network of ten units."""
    problem = references.sinusoid()
    prior, likelihood = problem.model.prior, problem.model.likelihood
    model = BayesianNetwork(MLP(1, 1, hidden=[10]), prior, likelihood)

    return replace(problem, model=model)


def labels(share: float, seed: int) -> Table:
    """Return R-hat of functions and weights, as drawn and relabelled."""
    problems: dict[str, Callable[[], Problem]] = {
        "10 units": of_ten_units,
        "sinusoid": references.sinusoid,
    }
    rows = []
    for name, make in problems.items():
        problem = make()
        draws = {
            "warmup_steps": max(20, int(500 * share)),
            "num_samples": max(20, int(1000 * share)),
        }
        pyro.set_rng_seed(seed)
        posterior = inference.NUTS(problem.model, **draws, **QUIET).fit(
            problem.data.train
        )
        began = time.process_time()
        same = landscape.relabelled(posterior, problem.data.train.x)
        seconds = time.process_time() - began
        before = convergence(posterior, problem.inputs)
        after = convergence(same, problem.inputs)
        functions = float(before.rhat.max())
        row = (name, functions, _worst(before), _worst(after), round(seconds, 1))
        rows.append(row)

    columns = ("problem", "functions", "weights", "relabelled", "seconds")
    return Table(columns, rows)


def _worst(found: Convergence) -> float:
    """Return the largest R-hat of weights."""
    return max(found.weights.values())


def tempered(share: float, seed: int) -> Table:
    """Return what parallel tempering finds on the candidates for references."""
    rows = []
    for problem in (references.yacht_50(), references.energy_50()):
        engine = inference.ParallelTempering(
            problem.model,
            num_temperatures=36,
            num_steps=20,
            warmup_steps=max(20, int(1000 * share)),
            num_samples=max(20, int(2000 * share)),
            **QUIET,
        )
        pyro.set_rng_seed(seed)
        began = time.process_time()
        posterior = engine.fit(problem.data.train)
        seconds = time.process_time() - began
        rows.append((problem.name, *_found(posterior, problem), round(seconds)))

    columns = ("problem", "barrier", "round trips", "log evidence", "error")
    return Table((*columns, "R-hat 99 %", "R-hat", "gradients", "seconds"), rows)


def _found(posterior: DrawsPosterior, problem: Problem) -> tuple[float, ...]:
    """Return barrier, round trips, log evidence and its error, R-hats and gradients."""
    info = posterior.info
    rhat = convergence(posterior, problem.inputs).rhat
    trips = int(info.round_trips.sum())
    evidence, error = info.log_evidence, info.log_evidence_error
    high, highest = float(rhat.quantile(0.99)), float(rhat.max())

    return info.barrier, trips, evidence, error, high, highest, info.num_gradients


PARTS = {"mixture": mixture, "labels": labels, "references": tempered}


def main() -> None:
    """Measure the parts, print tables, write the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--share", type=float, default=1.0, help="of the usual draws")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()

    torch.set_num_threads(1)
    results = {}
    for name in options.parts:
        table = PARTS[name](options.share, options.seed)
        print(f"{table}\n", flush=True)
        results[name] = table.to_dicts()

    write(options.out, {"share": options.share, "seed": options.seed, **results})


if __name__ == "__main__":
    main()
