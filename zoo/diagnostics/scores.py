"""Scores of draws of functions against the truth's, and how sure they are."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.posterior.thinning import evenly

RESAMPLED = 30  # times, for the Monte-Carlo error of a score


class Functions(NamedTuple):
    """Draws of a function, and what they say of held-out targets.

    Arguments:
        values: Function values or class probabilities, (S, N, ...).
        pointwise: Log density of each held-out target given each draw, noise included,
            (S, K); K may be 0.
    """

    values: Tensor
    pointwise: Tensor

    def take(self, index: Tensor) -> Functions:
        """Take draws by their numbers."""
        return Functions(self.values[index], self.pointwise[index])

    def thin(self, count: int) -> Functions:
        """Take a number of draws, evenly spaced."""
        return self.take(evenly(len(self.values), count))


Score = Callable[[Functions, Functions], dict[str, float]]


def regression(
    ours: Functions, truth: Functions, away: Tensor | None = None
) -> dict[str, float]:
    """Score draws against as many of the truth, averaged over inputs and outputs; `away` (N,) marks inputs far out."""
    values, reference = ours.values, truth.values
    spread = reference.std(0, correction=0).clamp_min(1e-12)
    ratio = values.std(0, correction=0) / spread
    scores = {
        "mean_error": float(
            ((values.mean(0) - reference.mean(0)).abs() / spread).mean()
        ),
        "spread_ratio": float(ratio.mean()),
        "wasserstein": float(
            (
                (values.sort(0).values - reference.sort(0).values).abs().mean(0)
                / spread
            ).mean()
        ),
        "coverage": inside(values, reference),
    }
    if away is not None:
        scores["spread_factor"] = float(
            ratio.clamp(0.01, 100.0).log().abs().mean().exp()
        )
        scores["epistemic_away"] = float(ratio[away].mean())
    return scores | held_out(ours, truth)


def classification(
    ours: Functions, truth: Functions, away: Tensor | None = None
) -> dict[str, float]:
    """Score class probabilities (S, N, O) against as many of the truth; `away` (N,) marks inputs far out."""
    probs, reference = ours.values.mean(0), truth.values.mean(0)
    scores = {
        "agreement": float((probs.argmax(-1) == reference.argmax(-1)).double().mean()),
        "total_variation": float(0.5 * (probs - reference).abs().sum(-1).mean()),
        "coverage": inside(ours.values, truth.values),
    }
    if away is not None:
        scores["epistemic_away"] = epistemic(ours.values[:, away]) / max(
            epistemic(truth.values[:, away]), 1e-12
        )
    return scores | held_out(ours, truth)


def held_out(ours: Functions, truth: Functions) -> dict[str, float]:
    r"""Return what the truth's predictive is better by on held-out targets, in nats per datum.

    .. math:: \frac1K \sum_k \log \frac1S \sum_s p(y_k \mid f_s^p) - \log \frac1S \sum_s p(y_k \mid f_s^q)
    """
    if ours.pointwise.shape[1] == 0:
        return {}

    def mixture(side: Functions) -> float:
        return float(side.pointwise.logsumexp(0).mean()) - math.log(len(side.pointwise))

    return {"log_likelihood_gap": mixture(truth) - mixture(ours)}


def epistemic(probs: Tensor) -> float:
    """Return the mean mutual information of class and draw, of probabilities (S, N, O), in nats."""

    def entropy(p: Tensor) -> Tensor:
        return torch.special.entr(p).sum(-1)

    return float((entropy(probs.mean(0)) - entropy(probs).mean(0)).mean())


def inside(values: Tensor, reference: Tensor) -> float:
    """Return the share of the truth's draws inside the central 90 % of the posterior's."""
    lower, upper = torch.quantile(
        values,
        torch.tensor([0.05, 0.95], dtype=values.dtype, device=values.device),
        dim=0,
    )
    return float(((reference >= lower) & (reference <= upper)).double().mean())


def floor(chains: list[Functions], score: Score) -> dict[str, float]:
    """Average the score of each of the truth's chains against the rest; of halves of the chain where there is one."""
    if len(chains) == 1:
        half = len(chains[0].values) // 2
        chains = [
            chains[0].take(torch.arange(half)),
            chains[0].take(torch.arange(half, 2 * half)),
        ]
    scores = []
    for number, chain in enumerate(chains):
        rest = joined([*chains[:number], *chains[number + 1 :]])
        scores.append(score(chain, rest.thin(len(chain.values))))
    return averages(scores)


def errors(
    ours: Functions, chains: list[Functions], score: Score, correlation: int = 1
) -> dict[str, float]:
    """Return the Monte-Carlo error of each score: its spread when draws and the truth's chains are drawn again.

    Arguments:
        ours: The draws that are scored.
        chains: The truth's, chain by chain.
        score: The score.
        correlation: Number of draws of ours that are drawn again together, for those of
            a chain.
    """
    random, number = torch.Generator().manual_seed(0), len(ours.values)
    scores = []
    for _ in range(RESAMPLED):
        begins = torch.randint(
            max(1, number - correlation + 1),
            (-(-number // correlation),),
            generator=random,
        )
        index = (begins[:, None] + torch.arange(correlation)).flatten()[:number]
        again = [
            chains[each]
            for each in torch.randint(
                len(chains), (len(chains),), generator=random
            ).tolist()
        ]
        scores.append(score(ours.take(index), joined(again).thin(number)))
    return {
        name: float(torch.tensor([each[name] for each in scores]).std())
        for name in scores[0]
    }


def joined(parts: list[Functions]) -> Functions:
    """Return draws one after another as one."""
    return Functions(*(torch.cat(each) for each in zip(*parts, strict=True)))


def averages(scores: list[dict[str, float]]) -> dict[str, float]:
    """Average scores by name."""
    return {
        name: sum(each[name] for each in scores) / len(scores) for name in scores[0]
    }
