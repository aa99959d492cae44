"""Scores of draws of a function against draws of a reference, and their Monte-Carlo errors."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from zoo.diagnostics.functions import Functions

_NUM_RESAMPLES = 30  # behind the Monte-Carlo error of a score


Score = Callable[[Functions, Functions], dict[str, float]]


def regression(
    ours: Functions, truth: Functions, away: Tensor | None = None
) -> dict[str, float]:
    """Score function values, averaged over inputs and outputs.

    Arguments:
        ours: The draws that are scored.
        truth: As many draws of the reference.
        away: Which inputs lie away from the data, (N,).
    """
    mean = ours.values.mean(0)
    std = ours.values.std(0, correction=0)
    true_mean = truth.values.mean(0)
    true_std = truth.values.std(0, correction=0).clamp_min(1e-12)

    mean_error = (mean - true_mean).abs() / true_std
    ratio = std / true_std

    scores = {
        "mean_error": float(mean_error.mean()),
        "spread_ratio": float(ratio.mean()),
        "wasserstein": _wasserstein(ours.values, truth.values, true_std),
        "coverage": _share_inside(ours.values, truth.values),
    }

    if away is not None:
        log_ratio = ratio.clamp(0.01, 100.0).log()
        factor = log_ratio.abs().mean().exp()
        scores["spread_factor"] = float(factor)
        scores["epistemic_away"] = float(ratio[away].mean())

    return scores | _held_out(ours, truth)


def classification(
    ours: Functions, truth: Functions, away: Tensor | None = None
) -> dict[str, float]:
    """Score class probabilities, averaged over inputs.

    Arguments:
        ours: The draws that are scored, (S, N, O).
        truth: As many draws of the reference.
        away: Which inputs lie away from the data, (N,).
    """
    probs = ours.values.mean(0)
    true_probs = truth.values.mean(0)

    is_same = probs.argmax(-1) == true_probs.argmax(-1)
    agreement = is_same.double().mean()
    distance = 0.5 * (probs - true_probs).abs().sum(-1)  # (N,)

    scores = {
        "agreement": float(agreement),
        "total_variation": float(distance.mean()),
        "coverage": _share_inside(ours.values, truth.values),
    }

    if away is not None:
        uncertainty = _epistemic(ours.values[:, away])
        true_uncertainty = _epistemic(truth.values[:, away])
        scores["epistemic_away"] = uncertainty / max(true_uncertainty, 1e-12)

    return scores | _held_out(ours, truth)


def floor(chains: list[Functions], score: Score) -> dict[str, float]:
    """Average the scores of each chain of the reference against the others.

    Arguments:
        chains: The reference's draws, chain by chain; one chain is cut in halves.
        score: The score.
    """
    if len(chains) == 1:
        chains = _halves(chains[0])

    found = []
    for number, chain in enumerate(chains):
        others = [*chains[:number], *chains[number + 1 :]]
        length = len(chain.values)
        as_many = joined(others).thin(length)
        found.append(score(chain, as_many))

    averages = {}
    for name in found[0]:
        values = [scores[name] for scores in found]
        averages[name] = sum(values) / len(values)

    return averages


def errors(
    ours: Functions, chains: list[Functions], score: Score, correlation: int = 1
) -> dict[str, float]:
    """Return the Monte-Carlo error of each score.

    It is the standard deviation of the score when our draws, and the chains of the
    reference, are resampled.

    Arguments:
        ours: The draws that are scored.
        chains: The reference's draws, chain by chain.
        score: The score.
        correlation: Number of successive draws that are resampled together, more than
            one for the draws of a chain.
    """
    random = torch.Generator().manual_seed(0)
    num_samples = len(ours.values)
    num_chains = len(chains)

    found = []
    for _ in range(_NUM_RESAMPLES):
        index = _resampled_positions(num_samples, correlation, random)
        chosen = torch.randint(num_chains, (num_chains,), generator=random)

        resampled = joined([chains[number] for number in chosen.tolist()])
        as_many = resampled.thin(num_samples)
        found.append(score(ours.take(index), as_many))

    spreads = {}
    for name in found[0]:
        values = [scores[name] for scores in found]
        spreads[name] = float(torch.tensor(values).std())

    return spreads


def joined(parts: list[Functions]) -> Functions:
    """Concatenate draws."""
    values = torch.cat([part.values for part in parts])
    pointwise = torch.cat([part.pointwise for part in parts])
    return Functions(values, pointwise)


def _halves(chain: Functions) -> list[Functions]:
    """Cut a chain in halves."""
    half = len(chain.values) // 2
    first = torch.arange(half)
    second = torch.arange(half, 2 * half)

    return [chain.take(first), chain.take(second)]


def _resampled_positions(
    num_samples: int, correlation: int, random: torch.Generator
) -> Tensor:
    """Draw positions (num_samples,) with replacement, in blocks of successive draws."""
    num_blocks = -(-num_samples // correlation)  # rounded up
    num_begins = max(1, num_samples - correlation + 1)
    begins = torch.randint(num_begins, (num_blocks,), generator=random)

    blocks = begins[:, None] + torch.arange(correlation)
    return blocks.flatten()[:num_samples]


def _wasserstein(values: Tensor, true_values: Tensor, true_std: Tensor) -> float:
    """Return the Wasserstein distance in standard deviations of the reference."""
    sorted_values = values.sort(0).values
    true_sorted = true_values.sort(0).values

    distance = (sorted_values - true_sorted).abs().mean(0)
    return float((distance / true_std).mean())


def _share_inside(values: Tensor, true_values: Tensor) -> float:
    """Return the share of the reference's draws inside the central 90 % of ours."""
    ends = torch.tensor([0.05, 0.95], dtype=values.dtype, device=values.device)
    lower, upper = torch.quantile(values, ends, dim=0)

    is_inside = (true_values >= lower) & (true_values <= upper)
    return float(is_inside.double().mean())


def _epistemic(probs: Tensor) -> float:
    """Return the mean mutual information of class and draw in nats, of probabilities (S, N, O)."""
    total = _entropy(probs.mean(0))
    expected = _entropy(probs).mean(0)
    return float((total - expected).mean())


def _entropy(probs: Tensor) -> Tensor:
    """Return the entropy of class probabilities (*, O), (*) in nats."""
    return torch.special.entr(probs).sum(-1)


def _held_out(ours: Functions, truth: Functions) -> dict[str, float]:
    r"""Return how much better the reference predicts held-out targets, in nats per datum.

    .. math:: \frac1K \sum_k \log \frac1S \sum_s p(y_k \mid f_s^p)
        - \log \frac1S \sum_s p(y_k \mid f_s^q)
    """
    if ours.pointwise.shape[1] == 0:
        return {}

    gap = _log_likelihood(truth) - _log_likelihood(ours)
    return {"log_likelihood_gap": gap}


def _log_likelihood(draws: Functions) -> float:
    """Return the log density of the mixture over draws at held-out targets, per datum."""
    total = float(draws.pointwise.logsumexp(0).mean())
    return total - math.log(len(draws.pointwise))
