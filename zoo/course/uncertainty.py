"""Exercises on which uncertainty more data remove."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from zoo.course.check import compared, is_near

_PRICE = 0.2  # of an answer of a person, in errors


def coin(answer: float) -> str | None:
    """Check the epistemic uncertainty of a coin that three draws of a posterior describe."""
    heads = torch.tensor([0.2, 0.5, 0.8]).double()
    each = _entropy(torch.stack([heads, 1 - heads], -1)).mean()
    total = math.log(2)
    right = total - each
    if float(answer) <= 0:
        return "the average draw is more uncertain than the draws"

    variance = "a variance is another measure: subtract entropies"
    biased = heads.var(correction=0)
    if is_near(answer, biased):
        return variance

    mistakes = {
        "these are bits: take ln, not log2": right / total,
        "this is the total": total,
        "this is the aleatoric part": each,
        variance: heads.var(),
    }
    return compared(answer, right, mistakes, "the total minus the mean of the draws")


def lowest_nll(answer: float) -> str | None:
    """Check the lowest mean NLL of a tossed label, in nats."""
    mistakes = {
        "no image shows how the coin will fall": 0.0,
        "one bit, but the NLL is in nats": 1.0,
        "this is the error; take the NLL of a toss": 0.5,
        "eight of the ten classes can be excluded": math.log(10),
    }
    return compared(answer, math.log(2), mistakes, "the entropy of the label", 1e-2)


def share(answer: Callable[[Tensor], Tensor]) -> str | None:
    """Check a function that returns the epistemic share of the total uncertainty, (N,)."""
    probs = _made_up()
    total = _entropy(probs.mean(0))
    each = _entropy(probs).mean(0)
    right = (total - each) / total

    found = answer(probs)
    if tuple(found.shape) != (len(right),):
        return "one share for each input, (N,)"

    mistakes = {
        "this share is aleatoric": 1 - right,
        "divide by the total": total - each,
        "the total is both parts": (total - each) / each,
    }
    otherwise = "the entropy of the mean, and the mean of the entropies"
    return compared(found, right, mistakes, otherwise, 1e-2)


def asking(answer: Callable[[Tensor], Tensor]) -> str | None:
    """Check a function that returns for which inputs a person is asked, (N,) booleans."""
    probs = _made_up()
    mean = probs.mean(0)
    alone = mean.amax(-1)
    gain = probs.amax(-1).mean(0) - alone
    epistemic = _entropy(mean) - _entropy(probs).mean(0)

    found = answer(probs)
    if found.shape != gain.shape or found.dtype != torch.bool:
        return "one boolean for each input, (N,)"

    clear = (gain - _PRICE).abs() > 1e-4
    chosen = found[clear]
    mistakes = {
        "this asks about coins, which nobody knows": 1 - alone > _PRICE,
        "nats are not errors: an error costs 1": epistemic > _PRICE,
        "the other way round": gain < _PRICE,
    }
    wrong = {sentence: rows[clear] for sentence, rows in mistakes.items()}
    return compared(
        chosen, (gain > _PRICE)[clear], wrong, "compare how often each is right"
    )


def _made_up() -> Tensor:
    """Return class probabilities (S, N, O) of made-up draws, which agree more or less."""
    generator = torch.Generator().manual_seed(0)
    spread = torch.logspace(-1, 1, 60).reshape(-1, 1)
    each = torch.randn(30, 60, 10, generator=generator)
    shared = torch.randn(60, 10, generator=generator)
    logits = spread * each + 3 * shared

    return logits.softmax(-1)


def _entropy(probs: Tensor) -> Tensor:
    """Return the entropy of probabilities (..., O) in nats."""
    return torch.special.entr(probs).sum(-1)
