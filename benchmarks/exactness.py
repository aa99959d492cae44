"""Every guide on Bayesian linear regression, where the truth is known: is its ELBO a bound, and how far is its optimum?

    python -m benchmarks.exactness            two minutes; prints the table and writes results/exactness.json

Thirty data, three inputs with correlation 0.8, noise 0.5. Guides over weights face the
posterior of weights and bias; guides over nodes that of the nodes of frozen weights,
which is normal too, or with nodes on both sides a sum of normals over a grid; dropout
over Bernoulli nodes the sum over all masks. A guide that claims a bound must not lie
above the log evidence by more than its error. Where the family has an optimum in closed
form, the last two columns compare with it: the gap of its ELBO, and its marginal
scales.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product, repeat
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import pyro
import pyro.distributions as dist
import torch
from pyro.infer import autoguide
from torch import Tensor
from torch.distributions import MultivariateNormal
from tqdm.auto import tqdm

import guides
import zoo
from benchmarks.record import write
from guides.mixture_entropy import Bhattacharyya, KolchinskyTracey, MomentMatched
from zoo import datasets, inference, likelihoods, networks, priors
from zoo.inference.svi.elbo import elbo
from zoo.reports.table import Table

RESULTS = Path(__file__).parent / "results"
NOISE, PRIOR_SCALE, NODE_SCALE = 0.5, 2.0, 0.4
KEEP, MASK_NOISE = 0.7, 10.0  # dropping an input of a trained network takes much away
COLUMNS = (
    "guide", "over", "parameters", "bound", "ELBO - log evidence", "MC error", "in errors", "mean off", "sd ratio",
    "best gap", "sd to best", "seconds",
)  # fmt: skip


class Normal(NamedTuple):
    """An exact posterior, or a family's optimum: mean (P,), covariance (P, P), and the log evidence it reaches."""

    mean: Tensor
    covariance: Tensor
    evidence: Tensor


@dataclass(frozen=True)
class Problem:
    """A model whose posterior is known, and how to put its draws into one vector (S, P)."""

    model: zoo.BayesianNetwork
    exact: Normal
    vector: Callable[[dict[str, Tensor]], Tensor]


@dataclass(frozen=True)
class Row:
    """A guide, the problem that it faces, its family's optimum ("diagonal", "site", "exact"), and how long it needs."""

    make: Callable[[zoo.BayesianNetwork], object]
    over: str = "weights"
    optimum: str = ""
    effort: int = 1


ROWS = {
    "Delta": Row(guides.Delta),
    "MeanField": Row(guides.MeanField, optimum="diagonal"),
    "LocalReparam": Row(guides.LocalReparam, optimum="diagonal"),
    "Flipout": Row(guides.Flipout, optimum="diagonal"),
    "Radial": Row(guides.Radial),
    "LowRank, rank 2": Row(partial(guides.LowRank, rank=2)),
    "FullRank": Row(guides.FullRank, optimum="exact"),
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


def linear_posterior(features: Tensor, y: Tensor, loc: float, scale: float) -> Normal:
    """Condition a linear model's coefficients on targets: Λ = Φᵀ Φ / σ² + I / s², evidence N(Φ m₀, s² Φ Φᵀ + σ² I)."""
    identity = torch.eye(features.shape[1], dtype=torch.float64)
    precision = features.T @ features / NOISE**2 + identity / scale**2
    covariance = torch.linalg.inv(precision)
    centre = torch.full((features.shape[1],), loc, dtype=torch.float64)
    mean = covariance @ (features.T @ y / NOISE**2 + centre / scale**2)
    marginal = scale**2 * features @ features.T + NOISE**2 * torch.eye(
        len(y), dtype=torch.float64
    )
    return Normal(
        mean, covariance, MultivariateNormal(features @ centre, marginal).log_prob(y)
    )


def mask_posterior(outputs: Tensor, masks: Tensor, y: Tensor) -> Normal:
    """Sum over all masks (M, D), given the outputs (N, M) under each."""
    log_prior = (masks * KEEP + (1 - masks) * (1 - KEEP)).log().sum(-1)
    joint = (
        torch.distributions.Normal(outputs, MASK_NOISE).log_prob(y).sum(0) + log_prior
    )
    weights, mean = joint.softmax(0), joint.softmax(0) @ masks
    centred = masks - mean
    return Normal(
        mean, centred.T @ (weights.unsqueeze(-1) * centred), joint.logsumexp(0)
    )


def both_sides_posterior(features: Tensor, y: Tensor) -> Normal:
    """Substitute the node s of the output, s (x ∘ z) w + b is linear in the nodes z of the inputs; sum s over a grid."""
    grid = torch.linspace(-1.0, 3.0, 401, dtype=torch.float64)
    given = [linear_posterior(s * features, y, 1.0, NODE_SCALE) for s in grid]
    joint = torch.stack([part.evidence for part in given]) + torch.distributions.Normal(
        1.0, NODE_SCALE
    ).log_prob(grid)
    weights = joint.softmax(0)
    means = torch.stack(
        [
            torch.cat([part.mean, s.reshape(1)])
            for part, s in zip(given, grid, strict=True)
        ]
    )
    mean = weights @ means
    covariance = (means - mean).T @ (weights.unsqueeze(-1) * (means - mean))
    covariance[:-1, :-1] += torch.einsum(
        "g,gij->ij", weights, torch.stack([part.covariance for part in given])
    )
    return Normal(mean, covariance, joint.logsumexp(0) + (grid[1] - grid[0]).log())


def problems() -> tuple[tuple[Tensor, Tensor], dict[str, Problem]]:
    """Make the data and the models with their exact posteriors; nodes and masks are those of a trained network."""
    data = datasets.toy.linear(
        num_data=30, noise=NOISE, prior_scale=PRIOR_SCALE, correlation=0.8
    )
    x, y = data.train.x.double(), data.train.y.double()
    over_weights = linear_posterior(
        torch.cat([x, torch.ones_like(y)], -1), y.squeeze(-1), 0.0, PRIOR_SCALE
    )
    fresh, trained = networks.MLP(3, 1, hidden=[]), networks.MLP(3, 1, hidden=[])
    weight, bias = over_weights.mean[:-1], over_weights.mean[-1]
    trained.load_state_dict(
        {"layer1.weight": weight.reshape(1, 3), "layer1.bias": bias.reshape(1)}
    )
    masks = torch.tensor(list(product((0.0, 1.0), repeat=3)), dtype=torch.float64)
    normal = priors.NodePrior(dist.Normal(1.0, NODE_SCALE), weights=priors.Frozen())
    both = priors.NodePrior(
        dist.Normal(1.0, NODE_SCALE), where="both", weights=priors.Frozen()
    )
    binary = priors.NodePrior(dist.Bernoulli(KEEP), weights=priors.Frozen())
    prior = priors.WeightPrior(dist.Normal(0.0, PRIOR_SCALE))
    return (x.float(), y.float()), {
        "weights": Problem(
            zoo.BayesianNetwork(fresh, prior, likelihoods.Gaussian(NOISE)),
            over_weights,
            lambda draws: torch.cat(
                [draws["layer1.weight"].flatten(-2), draws["layer1.bias"]], -1
            ),
        ),
        "nodes": Problem(
            zoo.BayesianNetwork(trained, normal, likelihoods.Gaussian(NOISE)),
            linear_posterior(x * weight, y.squeeze(-1) - bias, 1.0, NODE_SCALE),
            lambda draws: draws["layer1.nodes_in"],
        ),
        "both sides": Problem(
            zoo.BayesianNetwork(trained, both, likelihoods.Gaussian(NOISE)),
            both_sides_posterior(x * weight, y.squeeze(-1) - bias),
            lambda draws: torch.cat(
                [draws["layer1.nodes_in"], draws["layer1.nodes_out"]], -1
            ),
        ),
        "masks": Problem(
            zoo.BayesianNetwork(trained, binary, likelihoods.Gaussian(MASK_NOISE)),
            mask_posterior((x * weight) @ masks.T + bias, masks, y),
            lambda draws: draws["layer1.nodes_in"],
        ),
    }


def optimum(name: str, exact: Normal) -> tuple[float | None, Tensor | None]:
    """Return the gap in nats that a family's best member keeps, and its marginal scales."""
    if not name:
        return None, None
    if name == "exact":
        return 0.0, exact.covariance.diagonal().sqrt()
    precision = torch.linalg.inv(exact.covariance)
    if name == "diagonal":
        gap = 0.5 * (precision.diagonal().log().sum() - torch.logdet(precision))
        return float(gap), precision.diagonal().rsqrt()
    # "site": weights together, the bias on its own
    weights, bias = precision[:-1, :-1], precision[-1, -1]
    gap = 0.5 * (torch.logdet(weights) + bias.log() - torch.logdet(precision))
    return float(gap), torch.cat(
        [torch.linalg.inv(weights).diagonal().sqrt(), bias.rsqrt().reshape(1)]
    )


def measure(name: str, num_steps: int, num_samples: int = 300) -> tuple:
    """Fit one guide and return its line of the table."""
    torch.set_num_threads(1)
    data, known = problems()
    row, num_steps = ROWS[name], ROWS[name].effort * num_steps
    problem = known[row.over]
    pyro.set_rng_seed(0)
    guide, exact = row.make(problem.model), problem.exact
    began = time.perf_counter()
    if any(
        parameter.requires_grad for parameter in guide.parameters()
    ) or not isinstance(guide, guides.Guide):
        decay = partial(
            torch.optim.lr_scheduler.ExponentialLR, gamma=0.005 ** (1 / num_steps)
        )
        adam = partial(
            torch.optim.Adam, betas=(0.9, 0.98)
        )  # the first gradients are large: forget them soon
        engine = inference.SVI(
            problem.model,
            guide,
            num_steps=num_steps,
            lr=0.1,
            optimizer=adam,
            scheduler=decay,
            progress=False,
        )
        posterior = engine.fit(data)
    else:  # fixed rates of dropping: nothing to fit
        posterior = zoo.posterior.guide_posterior.GuidePosterior(
            problem.model,
            state=problem.model.frozen(),
            info=None,
            scoped=zoo.runtime.param_scope.ScopedGuide(guide),
        )
    if isinstance(
        guide, autoguide.AutoLaplaceApproximation
    ):  # so far it is at the mode
        with pyro.get_param_store().scope():
            posterior = posterior.with_guide(
                posterior.guide.laplace_approximation(*data)
            )
    seconds = time.perf_counter() - began
    with torch.no_grad(), pyro.validation_enabled(False):
        elbos = torch.stack(
            [elbo(problem.model, posterior.scoped, *data) for _ in range(num_samples)]
        ).double()
    bound = getattr(guide, "bound", True)
    gap, error = (
        float(elbos.mean() - exact.evidence),
        float(elbos.std() / len(elbos) ** 0.5),
    )
    draws = problem.vector(posterior.sample(4000)).double()
    truth = exact.covariance.diagonal().sqrt()
    off = float(((draws.mean(0) - exact.mean).abs() / truth).max())
    ratio = float((draws.std(0) / truth).mean())
    best, scales = optimum(row.optimum, exact)
    against = (
        None
        if scales is None
        else float((draws.std(0) / scales).log().abs().max().exp())
    )
    parameters = sum(tensor.numel() for tensor in posterior.scoped.parameters())
    line = (gap, error, gap / max(error, 1e-3)) if bound else ("no bound", None, None)
    return (
        name,
        row.over,
        parameters,
        "yes" if bound else "no",
        *line,
        off,
        ratio,
        best and -best,
        against,
        seconds,
    )


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
        help="where the table goes",
    )
    arguments = parser.parse_args()
    chosen = arguments.guides.split(",") if arguments.guides else list(ROWS)
    with ProcessPoolExecutor(
        arguments.processes, mp_context=get_context("spawn")
    ) as pool:
        lines = list(
            tqdm(
                pool.map(measure, chosen, repeat(arguments.steps)),
                total=len(chosen),
                leave=False,
            )
        )
    table = Table(
        COLUMNS,
        lines,
        {"in errors": 1, "seconds": 1, "mean off": 2, "sd ratio": 2, "sd to best": 2},
    )
    print(table)
    write(arguments.out, {"table": table.to_dicts()})


if __name__ == "__main__":
    main()
