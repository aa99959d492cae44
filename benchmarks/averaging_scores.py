"""The scores of `benchmarks.averaging`: averages of a few draws against data and a reference."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.averaging_pools import Pool, Problem
from zoo.posterior import DrawsPosterior

PASSES = (1, 5, 10, 30)
_REPEATS = 20  # choices of the draws, over which a score of one seed is averaged
_QUANTILES = 1200  # of the reference's draws at an input, a multiple of all `PASSES`


class Truth(NamedTuple):
    """The prediction of a reference at its own inputs.

    Arguments:
        functions: All its draws, (C, S, N, O).
        quantiles: Evenly spaced quantiles of regression's, in rising order, (Q, N, O).
        scale: Their standard deviation, (N, O).
    """

    functions: Tensor
    quantiles: Tensor
    scale: Tensor

    @classmethod
    def of(cls, problem: Problem) -> Truth:
        """Return the prediction of the reference of a problem."""
        posterior = problem.reference.posterior
        values = posterior.predict(problem.reference.inputs).functions.double()
        levels = (torch.arange(_QUANTILES) + 0.5).double() / _QUANTILES
        chains = values.reshape(posterior.num_chains, -1, *values.shape[1:])

        return cls(chains, values.quantile(levels, dim=0), values.std(0))


def scores(pool: Pool, problem: Problem, truth: Truth) -> list[dict[str, float]]:
    """Return the scores of one pool, a row for each number of forward passes.

    Arguments:
        pool: The draws.
        problem: The problem.
        truth: The prediction of its reference.
    """
    posterior = pool.posterior
    has_classes = posterior.model.likelihood.discrete
    held_out = posterior.predict(problem.test.x).pointwise(problem.test.y).double()
    functions = posterior.predict(problem.reference.inputs).functions.double()

    rows = []
    for passes in PASSES:
        found = []
        for _ in range(_REPEATS):
            chosen = systematic(len(functions), passes)
            log_prob = held_out[chosen].logsumexp(0) - math.log(passes)
            row = {"nll": -float(log_prob.mean())}
            distances = of_classes if has_classes else of_functions
            found.append(row | distances(functions[chosen], truth))

        mean = {key: sum(one[key] for one in found) / _REPEATS for key in found[0]}
        rows.append({"passes": passes, "gradients": pool.cost(passes)} | mean)

    return rows


def systematic(total: int, number: int) -> Tensor:
    """Return evenly spaced positions with a random start, so that all groups have their share.

    Arguments:
        total: Number of draws.
        number: Number of draws to take.
    """
    places = (torch.arange(number) + torch.rand(())) * total / number

    return places.long().clamp_max(total - 1)


def of_classes(probs: Tensor, truth: Truth) -> dict[str, float]:
    """Return agreement and total variation of averaged class probabilities (S, N, O)."""
    ours, theirs = probs.mean(0), truth.functions.mean((0, 1))
    agreement = (ours.argmax(-1) == theirs.argmax(-1)).double().mean()
    variation = 0.5 * (ours - theirs).abs().sum(-1).mean()

    return {"agreement": float(agreement), "distance": float(variation)}


def of_functions(values: Tensor, truth: Truth) -> dict[str, float]:
    """Return the error of the mean and the Wasserstein-1 distance, in sd of the reference.

    Arguments:
        values: Draws of the function, (S, N, O).
        truth: The prediction of the reference.
    """
    repeated = values.sort(0).values.repeat_interleave(_QUANTILES // len(values), 0)
    distance = (repeated - truth.quantiles).abs().mean(0) / truth.scale
    error = (values.mean(0) - truth.functions.mean((0, 1))).abs() / truth.scale

    return {"mean error": float(error.mean()), "distance": float(distance.mean())}


def share_between(posterior: DrawsPosterior, problem: Problem, truth: Truth) -> dict:
    """Return the share of the predictive variance that lies between chains.

    Arguments:
        posterior: Draws, whose chains are the basins.
        problem: The problem, at whose inputs functions are compared.
        truth: The prediction of its reference.
    """
    values = posterior.predict(problem.reference.inputs).functions.double()
    chains = values.reshape(posterior.num_chains, -1, *values.shape[1:])

    return shares(chains) | {"variance": relative_variance(values, truth)}


def shares(chains: Tensor) -> dict[str, float]:
    r"""Return the share of the variance between groups, (G, S, N, O) summed over outputs.

    .. math:: \frac{\operatorname{Var}_g E[f \mid g]}
        {\operatorname{Var}_g E[f \mid g] + E_g \operatorname{Var}[f \mid g]}

    The variance of a mean of S draws is subtracted from the first. It is averaged over inputs.
    """
    within = chains.var(1).mean(0).sum(-1)
    between = chains.mean(1).var(0).sum(-1) - within / chains.shape[1]
    between = between.clamp_min(0)
    total = (between + within).clamp_min(1e-300)

    return {"between": float((between / total).mean())}


def relative_variance(values: Tensor, truth: Truth) -> float:
    """Return the variance of draws (S, N, O) over that of the reference, averaged over inputs."""
    ours = values.var(0).sum(-1)
    theirs = truth.functions.flatten(0, 1).var(0).sum(-1)

    return float((ours / theirs).mean())
