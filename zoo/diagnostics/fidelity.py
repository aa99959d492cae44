"""Fidelity: how far a posterior is from a reference, in function space."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.diagnostics.card import Fidelity
from zoo.diagnostics.functions import Functions
from zoo.diagnostics.known_posterior import KnownPosterior
from zoo.diagnostics.scores import (
    classification,
    errors,
    floor,
    joined,
    regression,
)
from zoo.posterior.draws_posterior import DrawsPosterior
from zoo.posterior.guide_posterior import GuidePosterior
from zoo.posterior.posterior import Posterior
from zoo.posterior.wrong_arguments import answer


@answer(
    truth="reference=..., a sampler's posterior or one of zoo.references",
    num_draws="num_samples=100, a number of draws",
)
def fidelity(
    posterior: Posterior | Tensor,
    reference: Posterior | KnownPosterior,
    x: Tensor | None = None,
    num_samples: int | None = None,
) -> Fidelity:
    r"""Score a posterior against a reference on function values f(x) without noise.

    For regression, with mean m, standard deviation s and sorted draws f_(i) at each
    input and output, averaged over these:

    .. math:: \text{mean error} = |m_q - m_p| / s_p, \quad \text{spread ratio} = s_q / s_p, \quad
        \text{wasserstein} = \tfrac{1}{S} \textstyle\sum_i |f^q_{(i)} - f^p_{(i)}| / s_p

    For classification the agreement of the predicted class, and the total variation
    between averaged class probabilities. `coverage` is the share of the reference's
    draws inside the central 90 % of the posterior's, 0.9 for an exact posterior.

    Both sides have the same number of draws. The floor of each score is the average
    over the reference's chains of one chain scored against the others. The Monte-Carlo
    error is the standard deviation of the score when draws, and the reference's chains,
    are resampled.

    References:
        What Are Bayesian Neural Network Posteriors Really Like?
        (Izmailov, Vikram, Hoffman, Wilson, 2021)

    Arguments:
        posterior: The posterior to be scored, or function values (S, N, ...) at the
            reference's inputs.
        reference: The posterior of a sampler, two chains or more for a floor; or a
            reference of `zoo.references`, which has its own inputs.
        x: Inputs (N, ...), usually held out; none with a reference of
            `zoo.references`.
        num_samples: Number of draws on either side; by default as many as one of the
            reference's chains has, like the floor.

    Raises:
        ValueError: A reference that is not a sampler's; no inputs, or inputs with a
            reference of `zoo.references`.

    Example:
        >>> engine = inference.HMC(
        ...     model, num_chains=2, warmup_steps=5, num_samples=9, progress=False, compile=False
        ... )
        >>> reference = engine.fit(data.train)
        >>> sorted(zoo.fidelity(posterior, reference, data.test.x).scores)
        ['coverage', 'mean_error', 'spread_ratio', 'wasserstein']
    """
    place = _place_of_comparison(reference, x)
    sampled = place.sampled
    length = sampled.num_samples // sampled.num_chains
    if num_samples is None:
        num_samples = min(length, _num_available(posterior, length))

    every = _functions(sampled, place.x, sampled.num_samples, place.targets)
    chains = _chains(every, sampled.num_chains)

    if isinstance(posterior, Tensor):
        no_targets = posterior.new_zeros(len(posterior), 0)
        ours = Functions(posterior.double(), no_targets).thin(num_samples)
        chains = [chain.without_targets() for chain in chains]
    else:
        ours = _functions(posterior, place.x, num_samples, place.targets)

    kind = regression
    if _has_classes(sampled, place.x):
        kind = classification
        ours = ours.with_both_classes()
        chains = [chain.with_both_classes() for chain in chains]

    score = partial(kind, away=place.away)

    number = len(ours.values)
    truth = joined(chains).thin(number)
    is_independent = isinstance(posterior, GuidePosterior)
    correlation = 1 if is_independent else max(1, number // 10)

    return Fidelity(
        scores=score(ours, truth),
        floor=floor(chains, score),
        num_samples=number,
        errors=errors(ours, chains, score, correlation),
        ours=ours,
        truth=truth,
        reference=place.known,
        posterior=None if isinstance(posterior, Tensor) else posterior,
    )


class _Place(NamedTuple):
    """Where a posterior is compared with the draws of a reference.

    Arguments:
        sampled: The draws of the reference.
        x: Inputs (N, ...).
        targets: Held-out targets (K, ...) of the first K inputs.
        away: Which inputs lie away from the data, (N,).
        known: The reference, if it is one of `zoo.references`.
    """

    sampled: DrawsPosterior
    x: Tensor
    targets: Tensor | None = None
    away: Tensor | None = None
    known: KnownPosterior | None = None


def _place_of_comparison(
    reference: Posterior | KnownPosterior, x: Tensor | None
) -> _Place:
    """Return the draws of the reference, and the inputs at which to compare."""
    if isinstance(reference, Posterior):
        if x is None:
            raise ValueError(
                "write x=..., the inputs at which to compare; "
                "only a reference of zoo.references has inputs of its own"
            )
        return _Place(_draws_of(reference), x)

    if x is not None:
        raise ValueError(
            "omit x: the reference has inputs of its own, and is known only there"
        )
    return _Place(
        sampled=_draws_of(reference.posterior),
        x=reference.inputs,
        targets=reference.targets,
        away=reference.away,
        known=reference,
    )


def _draws_of(posterior: Posterior) -> DrawsPosterior:
    """Return a reference's posterior, or refuse one that is not a sampler's."""
    if not isinstance(posterior, DrawsPosterior):
        raise ValueError(
            "the reference must be the posterior of a sampler, e.g. inference.NUTS; "
            "the distance between two guides does not show how good either is"
        )
    return posterior


def _num_available(posterior: Posterior | Tensor, num_samples: int) -> int:
    """Return how many draws there are to score, at most a number."""
    if isinstance(posterior, Tensor):
        return min(len(posterior), num_samples)

    return posterior.num_available(num_samples)


def _functions(
    posterior: Posterior, x: Tensor, num_samples: int, targets: Tensor | None
) -> Functions:
    """Return draws of function values at inputs, and log densities of the first targets."""
    prediction = posterior.predict(x, num_samples)
    values = prediction.functions.double()
    if targets is None or len(targets) == 0:
        nothing = values.new_zeros(len(values), 0)
        return Functions(values, nothing)

    first = prediction.first(len(targets))
    pointwise = first.pointwise(targets)
    return Functions(values, pointwise.double())


def _has_classes(posterior: Posterior, x: Tensor) -> bool:
    """Return whether the targets of a posterior are classes."""
    return posterior.model.likelihood.discrete or posterior.predict(x, 1).has_classes


def _chains(draws: Functions, num_chains: int) -> list[Functions]:
    """Return the draws of each chain."""
    length = len(draws.values) // num_chains
    positions = torch.arange(num_chains * length)
    of_chains = positions.reshape(num_chains, length)

    return [draws.take(index) for index in of_chains]
