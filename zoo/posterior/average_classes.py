"""Class probabilities and uncertainties averaged over draws, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from zoo.posterior.posterior import Posterior
from zoo.runtime.counts import check_count

_OUTPUTS_AT_ONCE = 2**24  # numbers, 64 MB in float32
_WEIGHTS_AT_ONCE = 2**26  # of the draws


class AveragedClasses(NamedTuple):
    """What is predicted for N inputs, averaged over draws; all on the CPU.

    Arguments:
        probs: Class probabilities, (N, ..., O): the classes are last.
        entropy: Their entropy in nats, (N, ...): epistemic plus aleatoric uncertainty.
        aleatoric: Mean entropy of a draw in nats, (N, ...).

    Example:
        >>> probs = torch.tensor([[0.5, 0.5]])  # of two draws that are sure, and disagree
        >>> entropy = torch.special.entr(probs).sum(-1)
        >>> AveragedClasses(probs, entropy, aleatoric=torch.zeros(1)).epistemic
        tensor([0.6931])
    """

    probs: Tensor
    entropy: Tensor
    aleatoric: Tensor

    @property
    def epistemic(self) -> Tensor:
        """Mutual information of class and draw in nats, (N, ...)."""
        return (self.entropy - self.aleatoric).clamp_min(0.0)

    @property
    def predicted(self) -> Tensor:
        """The most probable class, (N, ...)."""
        return self.probs.argmax(-1)


def average_classes(
    posterior: Posterior, x: Tensor, num_samples: int = 30
) -> AveragedClasses:
    r"""Average class probabilities and entropies over draws, without keeping each draw's.

    .. math:: \bar p = \tfrac1S \sum_s p_s, \qquad
        \underbrace{H[\bar p]}_\text{total} =
        \underbrace{H[\bar p] - \tfrac1S \sum_s H[p_s]}_\text{epistemic} +
        \underbrace{\tfrac1S \sum_s H[p_s]}_\text{aleatoric}

    `posterior.predict(x)` keeps the outputs of all draws, (S, N, O, H, W) for images whose
    pixels have a class each. Here a chunk of draws is evaluated at a few inputs at a time,
    and only sums are kept, so that memory grows with neither S nor the draws' outputs.
    Each draw is one function of all inputs.

    References:
        Bayesian SegNet: Model Uncertainty in Deep Convolutional Encoder-Decoder Architectures
        for Scene Understanding (Kendall, Badrinarayanan, Cipolla, 2017)

    Arguments:
        posterior: A posterior of classes.
        x: Inputs (N, ...).
        num_samples: Number of draws S, or all of a sampler that has fewer.

    Raises:
        ValueError: A posterior without classes or without a network's weights.

    Example:
        >>> from zoo.posterior import average_classes
        >>> found = average_classes(classifier, digits.test.x, num_samples=5)
        >>> found.probs.shape, found.epistemic.shape
        (torch.Size([360, 10]), torch.Size([360]))
    """
    check_count("num_samples", num_samples)
    model = posterior.require_weights(
        "classes are averaged over draws of a network's weights"
    )
    if not model.likelihood.discrete:
        raise ValueError(
            f"average_classes needs a likelihood of classes, not {model.likelihood!r}; use "
            "posterior.predict(x)"
        )

    number = posterior.num_available(num_samples)
    sums: AveragedClasses | None = None
    for draws in _chunks_of_draws(posterior, number):
        found = _sums(posterior, draws, x)
        sums = found if sums is None else _added(sums, found)

    assert sums is not None
    probs = sums.probs.div_(number)

    total = torch.cat([entropy(some) for some in probs.split(1)])  # no copy of all

    return AveragedClasses(probs, total, sums.aleatoric.div_(number))


def _chunks_of_draws(
    posterior: Posterior, number: int
) -> Iterator[Mapping[str, Tensor]]:
    """Give all draws (s, *shape) of every site, a bounded number of weights at a time."""
    if posterior.num_samples is not None:
        yield posterior.sample(number)
        return

    num_weights = sum(shape.numel() for shape in posterior.shapes.values())
    at_once = max(1, _WEIGHTS_AT_ONCE // num_weights)
    for begin in range(0, number, at_once):
        yield posterior.sample(min(at_once, number - begin))


def _sums(
    posterior: Posterior, draws: Mapping[str, Tensor], x: Tensor
) -> AveragedClasses:
    """Return the sums over draws of probabilities and entropies; `entropy` is empty."""
    number = len(next(iter(draws.values())))
    first = {name: value[:1] for name, value in draws.items()}
    size = posterior.predict_with(first, x[:1]).outputs.numel()  # of one draw and input
    rows = max(1, _OUTPUTS_AT_ONCE // (size * number))
    at_once = max(1, _OUTPUTS_AT_ONCE // (size * rows))

    probs, aleatoric = [], []
    for some in x.split(rows):
        sum_of_probs, sum_of_entropies = 0.0, 0.0
        for begin in range(0, number, at_once):
            chunk = {
                name: value[begin : begin + at_once] for name, value in draws.items()
            }
            of_draws = _classes(posterior.predict_with(chunk, some).functions)
            sum_of_probs = sum_of_probs + of_draws.sum(0).cpu()
            sum_of_entropies = sum_of_entropies + entropy(of_draws).sum(0).cpu()

        probs.append(sum_of_probs)
        aleatoric.append(sum_of_entropies)

    return AveragedClasses(torch.cat(probs), torch.empty(0), torch.cat(aleatoric))


def _added(sums: AveragedClasses, found: AveragedClasses) -> AveragedClasses:
    """Add sums to others in place."""
    return AveragedClasses(
        sums.probs.add_(found.probs), sums.entropy, sums.aleatoric.add_(found.aleatoric)
    )


def _classes(functions: Tensor) -> Tensor:
    """Return the probabilities of all classes, of the second one alone for a Bernoulli."""
    if functions.shape[-1] > 1:
        return functions

    return torch.cat([1 - functions, functions], -1)


def entropy(probs: Tensor) -> Tensor:
    """Return the entropy of class probabilities (..., O) in nats."""
    return torch.special.entr(probs).sum(-1)
