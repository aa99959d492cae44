"""The third view: what a network predicts for twenty images as its weights are dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from tqdm.std import tqdm

from zoo.datasets import Split
from zoo.explore.packed import packed, scale_for
from zoo.posterior.posterior import Posterior
from zoo.pruning import Rule, curve, prune

SCORES = ("accuracy", "nll", "ece")
PER_CLASS = 2  # images of each class: the first, and that of the highest entropy
_DIGITS = 6


def pruning_view(
    posteriors: Mapping[str, tuple[Posterior, Rule]],
    test: Split,
    fractions: Sequence[float],
    num_samples: int = 50,
    seed: int = 0,
    progress: tqdm | None = None,
) -> dict[str, Any]:
    """Prune posteriors to growing fractions, and return what each predicts.

    The scores are those of `zoo.pruning.curve`, on all test images.

    References:
        Weight Uncertainty in Neural Networks (Blundell, Cornebise, Kavukcuoglu, Wierstra,
        2015), section 5.1

    Arguments:
        posteriors: A posterior and a rule by what the page calls the pair.
        test: Test images (N, 1, H, W) and labels.
        fractions: Fractions of the weights to drop, ascending.
        num_samples: Draws behind each prediction.
        seed: Seed of the draws, the same at every fraction.
        progress: A bar with a step for each posterior and fraction.
    """
    first, *_ = posteriors.values()
    chosen = _chosen(first[0], test, num_samples, seed)
    images = test.x[chosen]
    scale = scale_for(1.0)

    rules = []
    for label, (posterior, rule) in posteriors.items():
        stops = []
        for fraction in fractions:
            probs = _probs(prune(posterior, fraction, rule), images, num_samples, seed)
            scores = _scores(posterior, rule, test, fraction, num_samples, seed)
            stops.append({"probs": packed(probs, scale), "scores": scores})
            if progress is not None:
                progress.update()
        rules.append({"label": label, "stops": stops})

    return {
        "fractions": list(fractions),
        "shape": list(images.shape[-2:]),
        "images": packed(_to_unit(images), scale),
        "labels": test.y[chosen].tolist(),
        "scale": scale,
        "scores": list(SCORES),
        "numTest": len(test.y),
        "rules": rules,
    }


def _probs(posterior: Posterior, x: Tensor, num_samples: int, seed: int) -> Tensor:
    """Return averaged class probabilities, (N, O)."""
    number = posterior.num_available(num_samples)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return posterior.predict(x, number, progress=False).probs


def _scores(
    posterior: Posterior,
    rule: Rule,
    test: Split,
    fraction: float,
    num_samples: int,
    seed: int,
) -> list[float]:
    """Return the scores of a pruned posterior on all test images."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        found = curve(
            posterior,
            test,
            rules={"": rule},
            fractions=(fraction,),
            num_samples=num_samples,
            progress=False,
        )

    scores = found.scores[""]
    return [round(float(scores[name][0]), _DIGITS) for name in SCORES]


def _chosen(
    posterior: Posterior, test: Split, num_samples: int, seed: int
) -> list[int]:
    """Return the first image of each class, and that about which the posterior is least sure."""
    probs = _probs(posterior, test.x, num_samples, seed)
    entropy = torch.special.entr(probs).sum(-1)

    chosen = []
    for label in test.y.unique().tolist():
        members = (test.y == label).nonzero()[:, 0]
        hardest = members[1:][entropy[members[1:]].argmax()]
        chosen += [int(members[0]), int(hardest)]

    return chosen


def _to_unit(images: Tensor) -> Tensor:
    """Return images scaled to values between 0 and 1."""
    low = images.min()
    high = images.max()

    return (images - low) / (high - low)
