"""Fidelity: how far a posterior is from the truth, in function space, beside the truth's distance from itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from zoo.posterior import Posterior


@dataclass(frozen=True)
class Fidelity:
    """Scores of a posterior against the truth, each with its floor.

    Regression: `mean_error`, `spread_ratio`, `wasserstein` (units: the truth's standard deviation), `coverage`.
    Classification: `agreement`, `total_variation`, `coverage`.

    Arguments:
        scores: Score by name.
        floor: What the truth's own chains score against the rest, by name: no posterior can be seen to be closer.
        num_draws: Draws on either side.
    """

    scores: dict[str, float]
    floor: dict[str, float]
    num_draws: int

    def __getattr__(self, name: str) -> float:
        try:
            return self.__dict__["scores"][name]
        except KeyError:
            raise AttributeError(name) from None

    def __str__(self) -> str:
        parts = (
            f"{name.replace('_', ' ')} {value:.2f} ({self.floor[name]:.2f})" for name, value in self.scores.items()
        )
        return ", ".join(parts)

    def __repr__(self) -> str:
        return f"Fidelity: {self}; the truth against itself in brackets"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{name.replace('_', ' ')}</td><td>{value:.3f}</td><td>{self.floor[name]:.3f}</td></tr>"
            for name, value in self.scores.items()
        )
        return f"<table><thead><tr><th>score</th><th>value</th><th>floor</th></tr></thead><tbody>{rows}</tbody></table>"


def fidelity(posterior: Posterior, truth: Posterior, x: Tensor, num_samples: int | None = None) -> Fidelity:
    r"""Score a posterior against the truth on function values f(x) without noise, equal numbers of draws on both sides.

    For regression, with mean m, standard deviation s and sorted draws f_(i) at each input and output, averaged over
    these:

    .. math:: \text{mean error} = |m_q - m_p| / s_p, \quad \text{spread ratio} = s_q / s_p, \quad
        \text{wasserstein} = \tfrac{1}{S} \textstyle\sum_i |f^q_{(i)} - f^p_{(i)}| / s_p

    For classification agreement of the predicted class and total variation between averaged class probabilities.
    `coverage` is the share of the truth's draws inside the central 90 % of the posterior's, 0.9 when all is well.
    The floor beside each score is the average over the truth's chains of one chain scored against the rest.

    References:
        What Are Bayesian Neural Network Posteriors Really Like? (Izmailov, Vikram, Hoffman, Wilson, 2021)

    Arguments:
        posterior: The posterior to be scored.
        truth: Draws of a sampler, two chains or more for a floor.
        x: Inputs (N, ...), held-out ones as a rule.
        num_samples: Draws on either side; by default as many as one of the truth's chains has, like the floor.

    Raises:
        ValueError: A truth that is no sampler's.

    Example:
        >>> truth = inference.HMC(model, num_chains=2, warmup_steps=5, num_samples=9, progress=False, compile=False)
        >>> sorted(zoo.fidelity(posterior, truth.fit(data.train), data.test.x).scores)
        ['coverage', 'mean_error', 'spread_ratio', 'wasserstein']
    """
    if truth.draws is None:
        raise ValueError(
            "the truth is a sampler's posterior, from inference.NUTS or HMC; a guide against a guide says nothing"
        )
    chains, length = truth.num_chains, truth.num_draws // truth.num_chains
    reference = truth.predict(x).functions.double()  # (C S, N, ...)
    own = posterior.num_draws
    num_samples = num_samples or min(length, own or length)
    values = posterior.predict(x, num_samples).functions.double()
    score = classification if posterior.model.likelihood.discrete and values.shape[-1] > 1 else regression
    by_chain = reference.reshape(chains, length, *reference.shape[1:])
    return Fidelity(score(values, thin(reference, len(values))), floor(by_chain, score), len(values))


def floor(by_chain: Tensor, score: Callable[[Tensor, Tensor], dict[str, float]]) -> dict[str, float]:
    """Average the score of each chain (C, S, N, ...) against the rest; halves of the chain where there is one."""
    if len(by_chain) == 1:
        half = by_chain.shape[1] // 2
        by_chain = torch.stack([by_chain[0, :half], by_chain[0, half : 2 * half]])
    scores = []
    for index in range(len(by_chain)):
        rest = torch.cat([by_chain[:index], by_chain[index + 1 :]]).flatten(0, 1)
        scores.append(score(by_chain[index], thin(rest, by_chain.shape[1])))
    return {name: sum(each[name] for each in scores) / len(scores) for name in scores[0]}


def regression(values: Tensor, reference: Tensor) -> dict[str, float]:
    """Score draws (S, N, ...) against as many of the truth, averaged over inputs and outputs."""
    spread = reference.std(0, correction=0).clamp_min(1e-12)
    return {
        "mean_error": float(((values.mean(0) - reference.mean(0)).abs() / spread).mean()),
        "spread_ratio": float((values.std(0, correction=0) / spread).mean()),
        "wasserstein": float(((values.sort(0).values - reference.sort(0).values).abs().mean(0) / spread).mean()),
        "coverage": inside(values, reference),
    }


def classification(values: Tensor, reference: Tensor) -> dict[str, float]:
    """Score class probabilities (S, N, O) against as many of the truth."""
    probs, truth = values.mean(0), reference.mean(0)
    return {
        "agreement": float((probs.argmax(-1) == truth.argmax(-1)).double().mean()),
        "total_variation": float(0.5 * (probs - truth).abs().sum(-1).mean()),
        "coverage": inside(values, reference),
    }


def inside(values: Tensor, reference: Tensor) -> float:
    """Return the share of the truth's draws inside the central 90 % of the posterior's."""
    lower, upper = torch.quantile(values, torch.tensor([0.05, 0.95], dtype=values.dtype, device=values.device), dim=0)
    return float(((reference >= lower) & (reference <= upper)).double().mean())


def thin(draws: Tensor, count: int) -> Tensor:
    """Take a number of draws, evenly spaced."""
    return draws[torch.linspace(0, len(draws) - 1, count).round().long()]
