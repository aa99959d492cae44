"""Every guide on Bayesian linear regression, where the posterior is known.

    python -m benchmarks.exactness

It takes two minutes, prints the table and writes results/exactness.json.

There are thirty data, three inputs with correlation 0.8, and noise 0.5. Guides over
weights approximate the posterior of weights and bias. Guides over nodes approximate that
of the nodes of frozen weights, which is normal too; with nodes on both sides it is a sum
of normals over a grid. Dropout over Bernoulli nodes is compared with the sum over all
masks. A guide that claims a bound must not lie above the log evidence by more than its
error. If the optimum of the family is known in closed form, the last two columns compare
with it: the gap of its ELBO, and its marginal scales.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

import pyro
import torch
from pyro.infer import autoguide
from torch import Tensor
from tqdm.auto import tqdm

import guides
import zoo
from benchmarks.linear_posteriors import Moments
from benchmarks.linear_problems import KEEP, Problem, problems
from benchmarks.record import write
from guides.mixture_entropy import Bhattacharyya, KolchinskyTracey, MomentMatched
from zoo import inference
from zoo.inference.svi.elbo import elbo
from zoo.posterior.guide_posterior import GuidePosterior
from zoo.posterior.posterior import Posterior
from zoo.reports.table import Cell, Table
from zoo.runtime.param_scope import ScopedGuide
from zoo.runtime.programs import PyroProgram

RESULTS = Path(__file__).parent / "results"
NUM_DRAWS = 4000
COLUMNS = (
    "guide",
    "over",
    "parameters",
    "bound",
    "ELBO - log evidence",
    "MC error",
    "in errors",
    "mean off",
    "sd ratio",
    "best gap",
    "sd to best",
    "seconds",
)
DIGITS = {"in errors": 1, "seconds": 1, "mean off": 2, "sd ratio": 2, "sd to best": 2}


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Arguments:
        make: Makes the guide of a model.
        over: The name of the problem.
        optimum: The family's optimum: "diagonal", "site" or "exact"; "" if it is unknown.
        effort: A factor of the number of steps.
        is_natural: Whether `inference.IVON` fits the guide, by natural gradients.
    """

    make: Callable[[zoo.BayesianNetwork], PyroProgram]
    over: str = "weights"
    optimum: str = ""
    effort: int = 1
    is_natural: bool = False


ROWS = {
    "Delta": Row(guides.Delta),
    "MeanField": Row(guides.MeanField, optimum="diagonal"),
    "MeanField by IVON": Row(
        guides.MeanField, optimum="diagonal", effort=3, is_natural=True
    ),
    "LocalReparam": Row(guides.LocalReparam, optimum="diagonal"),
    "Flipout": Row(guides.Flipout, optimum="diagonal"),
    "Radial": Row(guides.Radial),
    "LowRank, rank 2": Row(partial(guides.LowRank, rank=2)),
    "FullRank": Row(guides.FullRank, optimum="exact"),
    "LastLayer": Row(guides.LastLayer, optimum="exact"),
    "Resampled, K = 100": Row(guides.Resampled),
    "MatrixNormal": Row(guides.MatrixNormal, optimum="diagonal"),
    "MatrixNormal, full": Row(
        partial(guides.MatrixNormal, structure="full"), optimum="site"
    ),
    "Flow over weights": Row(guides.Flow),
    "Mixture of MeanField, K = 4": Row(
        partial(guides.Mixture, num_components=4), effort=3
    ),
    "Mixture of Delta, K = 4": Row(
        partial(guides.Mixture, make=guides.Delta, num_components=4), effort=3
    ),
    "MCDropout": Row(guides.MCDropout),
    "ConcreteDropout": Row(guides.ConcreteDropout),
    "GaussianDropout": Row(guides.GaussianDropout),
    "SparseVariationalDropout": Row(
        guides.SparseVariationalDropout, optimum="diagonal"
    ),
    "MCDropout over Bernoulli nodes": Row(
        partial(guides.MCDropout, p=1 - KEEP), over="masks"
    ),
    "NodeMixture, K = 1": Row(
        partial(guides.NodeMixture, num_components=1), over="nodes", optimum="diagonal"
    ),
    "NodeMixture, K = 4": Row(guides.NodeMixture, over="nodes"),
    "NodeMixture, Bhattacharyya": Row(
        partial(guides.NodeMixture, entropy=Bhattacharyya()), over="nodes"
    ),
    "NodeMixture, Kolchinsky-Tracey": Row(
        partial(guides.NodeMixture, entropy=KolchinskyTracey()), over="nodes"
    ),
    "NodeMixture, moment-matched": Row(
        partial(guides.NodeMixture, entropy=MomentMatched()), over="nodes"
    ),
    "NodeMixture, gamma = 1": Row(
        partial(guides.NodeMixture, entropic_weight=1.0), over="nodes"
    ),
    "Rank1, K = 4": Row(
        partial(guides.Rank1, random_sign_init=1.0, init_spread=0.3), over="both sides"
    ),
    "Flow over nodes": Row(guides.Flow, over="nodes"),
    "pyro AutoNormal": Row(autoguide.AutoNormal, optimum="diagonal"),
    "pyro AutoMultivariateNormal": Row(
        autoguide.AutoMultivariateNormal, optimum="exact"
    ),
    "pyro AutoLowRankMultivariateNormal": Row(
        partial(autoguide.AutoLowRankMultivariateNormal, rank=2)
    ),
    "pyro AutoIAFNormal": Row(partial(autoguide.AutoIAFNormal, hidden_dim=[16])),
    "pyro AutoLaplaceApproximation": Row(
        autoguide.AutoLaplaceApproximation, optimum="exact"
    ),
}


def optimum(name: str, exact: Moments) -> tuple[float | None, Tensor | None]:
    """Return the gap in nats of a family's best member, and its marginal scales (P,).

    Arguments:
        name: As in `Row`.
        exact: The moments of the posterior.
    """
    if not name:
        return None, None
    if name == "exact":
        return 0.0, exact.covariance.diagonal().sqrt()

    precision = torch.linalg.inv(exact.covariance)
    log_det = torch.logdet(precision)
    if name == "diagonal":
        diagonal = precision.diagonal()
        gap = 0.5 * (diagonal.log().sum() - log_det)
        return float(gap), diagonal.rsqrt()

    # "site": the weights together, the bias on its own
    weights = precision[:-1, :-1]
    bias = precision[-1:, -1]
    gap = 0.5 * (torch.logdet(weights) + bias.log().sum() - log_det)
    weight_scales = torch.linalg.inv(weights).diagonal().sqrt()

    return float(gap), torch.cat([weight_scales, bias.rsqrt()])


def fitted(
    row: Row, problem: Problem, data: tuple[Tensor, Tensor], num_steps: int
) -> Posterior:
    """Fit the guide of a row.

    Arguments:
        row: The row.
        problem: The problem that the row names.
        data: Inputs and targets.
        num_steps: Gradient steps, before the row's effort.
    """
    model = problem.model
    guide = row.make(model)
    is_ours = isinstance(guide, guides.Guide)
    has_parameters = any(parameter.requires_grad for parameter in guide.parameters())
    if is_ours and not has_parameters:  # fixed dropout rates: nothing to fit
        scoped = ScopedGuide(guide)
        return GuidePosterior(model, state=model.frozen(), info=None, scoped=scoped)

    num_steps = row.effort * num_steps
    if row.is_natural:
        decay = max(0.9, 1 - 20 / num_steps)  # the curvature is seen 20 times over
        engine = inference.IVON(model, num_steps=num_steps, beta2=decay, progress=False)
        return engine.fit(data)

    rate = 0.005 ** (1 / num_steps)
    engine = inference.SVI(
        model,
        guide,
        num_steps=num_steps,
        lr=0.1,
        # The first gradients are large, so the moments forget them soon.
        optimizer=partial(torch.optim.Adam, betas=(0.9, 0.98)),
        scheduler=partial(torch.optim.lr_scheduler.ExponentialLR, gamma=rate),
        progress=False,
    )
    posterior = engine.fit(data)
    if isinstance(guide, autoguide.AutoLaplaceApproximation):  # it is at the mode
        with pyro.get_param_store().scope():
            laplace = posterior.guide.laplace_approximation(*data)
            return posterior.with_guide(laplace)

    return posterior


def measure(name: str, num_steps: int, num_samples: int = 300) -> tuple[Cell, ...]:
    """Fit one guide and return its row of the table.

    Arguments:
        name: The name of the row.
        num_steps: Gradient steps, before the row's effort.
        num_samples: Number of draws of the ELBO.
    """
    torch.set_num_threads(1)
    data, known = problems()
    row = ROWS[name]
    problem = known[row.over]

    pyro.set_rng_seed(0)
    began = time.perf_counter()
    posterior = fitted(row, problem, data, num_steps)
    seconds = time.perf_counter() - began

    gap, error = evidence_gap(problem, posterior, data, num_samples)
    bound = getattr(posterior.guide, "bound", True)
    in_errors = gap / max(error, 1e-3)
    gap_cells = (gap, error, in_errors) if bound else ("no bound", None, None)

    draws = problem.vector(posterior.sample(NUM_DRAWS)).double()
    mean = draws.mean(0)
    scale = draws.std(0)
    exact_scale = problem.exact.covariance.diagonal().sqrt()
    mean_off = ((mean - problem.exact.mean).abs() / exact_scale).max()
    ratio = (scale / exact_scale).mean()

    best_gap, best_scale = optimum(row.optimum, problem.exact)
    return (
        name,
        row.over,
        num_parameters(posterior),
        "yes" if bound else "no",
        *gap_cells,
        float(mean_off),
        float(ratio),
        best_gap and -best_gap,
        None if best_scale is None else largest_ratio(scale, best_scale),
        seconds,
    )


def evidence_gap(
    problem: Problem,
    posterior: Posterior,
    data: tuple[Tensor, Tensor],
    num_samples: int,
) -> tuple[float, float]:
    """Return the ELBO minus the log evidence, and its Monte-Carlo error, in nats."""
    found = []
    with torch.no_grad(), pyro.validation_enabled(False):
        for _ in range(num_samples):
            found.append(elbo(problem.model, posterior.scoped, *data))

    elbos = torch.stack(found).double()
    gap = elbos.mean() - problem.exact.evidence
    error = elbos.std() / num_samples**0.5

    return float(gap), float(error)


def num_parameters(posterior: Posterior) -> int:
    """Count the parameters of a posterior's guide."""
    return sum(tensor.numel() for tensor in posterior.scoped.parameters())


def largest_ratio(scale: Tensor, best: Tensor) -> float:
    """Return the largest ratio of two scales (P,), in either direction."""
    log_ratio = (scale / best).log().abs().max()
    return float(log_ratio.exp())


def measure_all(
    names: Sequence[str], num_steps: int, processes: int
) -> list[tuple[Cell, ...]]:
    """Measure several rows, some at once."""
    spawn = get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawn) as pool:
        running = pool.map(measure, names, repeat(num_steps))
        return list(tqdm(running, total=len(names), leave=False))


def main() -> None:
    """Measure every row and write the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.exactness", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "--steps", type=int, default=800, help="gradient steps of each fit"
    )
    parser.add_argument(
        "--processes", type=int, default=2, help="rows that are measured at once"
    )
    parser.add_argument(
        "--guides", help="names of rows, comma-separated; all by default"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=RESULTS / "exactness.json",
        help="file for the table",
    )
    arguments = parser.parse_args()

    names = arguments.guides.split(",") if arguments.guides else list(ROWS)
    rows = measure_all(names, arguments.steps, arguments.processes)
    table = Table(COLUMNS, rows, DIGITS)
    print(table)
    write(arguments.out, {"table": table.to_dicts()})


if __name__ == "__main__":
    main()
