"""How far class probabilities are from the shares of people who name each class."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from zoo.people.shares import checked_pair, shares


def cross_entropy(probs: Tensor, counts: Tensor) -> Tensor:
    r"""Return the cross-entropy of people's answers under class probabilities, (N,), in nats.

    .. math:: -\sum_k q_k \log p_k, \qquad q_k = n_k / \sum_j n_j

    It is the mean NLL of one person's answer, and at least the entropy of q.

    References:
        Human uncertainty makes classification more robust (Peterson, Battleday, Griffiths,
        Russakovsky, 2019)

    Arguments:
        probs: Class probabilities, averaged over draws, (N, O).
        counts: Number of people who name each class, (N, O).

    Raises:
        ValueError: Other shapes, counts that are none, or an input without people.

    Example:
        >>> from zoo import people
        >>> probs, counts = torch.tensor([[0.5, 0.5]]), torch.tensor([[3, 1]])
        >>> people.cross_entropy(probs, counts)
        tensor([0.6931])
    """
    values, q = checked_pair(probs, counts)
    terms = torch.xlogy(q, values)  # 0 where nobody names the class

    return -terms.sum(-1).to(probs.dtype)


def total_variation(probs: Tensor, counts: Tensor) -> Tensor:
    r"""Return the total variation between class probabilities and people's answers, (N,).

    .. math:: \tfrac12 \sum_k |p_k - n_k / \sum_j n_j|

    Counts of few people are not their probabilities: even the true ones are some way off.
    `halves` says how far two groups of people are from each other.

    References:
        Human uncertainty makes classification more robust (Peterson, Battleday, Griffiths,
        Russakovsky, 2019)

    Arguments:
        probs: Class probabilities, averaged over draws, (N, O).
        counts: Number of people who name each class, (N, O).

    Raises:
        ValueError: Other shapes, counts that are none, or an input without people.

    Example:
        >>> from zoo import people
        >>> probs, counts = torch.tensor([[0.5, 0.5]]), torch.tensor([[3, 1]])
        >>> people.total_variation(probs, counts)
        tensor([0.2500])
    """
    values, q = checked_pair(probs, counts)
    distance = (values - q).abs().sum(-1) / 2

    return distance.to(probs.dtype)


def disagreement(counts: Tensor) -> Tensor:
    r"""Return the entropy of people's answers at each input, (N,), in nats.

    .. math:: -\sum_k q_k \log q_k, \qquad q_k = n_k / \sum_j n_j

    References:
        A Mathematical Theory of Communication (Shannon, 1948)

    Arguments:
        counts: Number of people who name each class, (N, O).

    Raises:
        ValueError: Counts that are none, or an input without people.

    Example:
        >>> from zoo import people
        >>> people.disagreement(torch.tensor([[4, 1], [3, 3]]))
        tensor([0.5004, 0.6931])
    """
    q = shares(counts)

    return -torch.xlogy(q, q).sum(-1).float()


class Halves(NamedTuple):
    """The answers of two groups of people at each input.

    Arguments:
        one: Number of people of the first group who name each class, (N, O).
        other: The same for the second group.
    """

    one: Tensor
    other: Tensor


def halves(counts: Tensor, seed: int = 0) -> Halves:
    """Divide the people of each input into two groups of equal size, at random.

    If their number is odd, one of them is left out.

    References:
        The Elements of Statistical Learning (Hastie, Tibshirani, Friedman, 2009), section 7.10

    Arguments:
        counts: Number of people who name each class, (N, O).
        seed: Seed of the division.

    Raises:
        ValueError: Counts that are none, or an input without people.

    Example:
        >>> from zoo import people
        >>> one, other = people.halves(torch.tensor([[30, 21]]))
        >>> one.sum(), other.sum()
        (tensor(25), tensor(25))
    """
    shares(counts)  # which checks them
    most = int(counts.sum(-1).max())
    ends = counts.cumsum(-1)  # people in the order of their classes
    places = torch.arange(most, device=counts.device)
    named = (
        (places[:, None, None] >= ends).sum(-1).T
    )  # (N, people); O where there is none

    generator = torch.Generator().manual_seed(seed)
    order = torch.rand(named.shape, generator=generator).to(counts.device)
    is_missing = named == counts.shape[-1]
    order = order.masked_fill(is_missing, 2.0).argsort(-1)
    shuffled = named.gather(-1, order)

    size = counts.sum(-1, keepdim=True) // 2
    is_one = places < size
    is_other = (places >= size) & (places < 2 * size)

    return Halves(_count(shuffled, is_one, counts), _count(shuffled, is_other, counts))


def _count(named: Tensor, chosen: Tensor, like: Tensor) -> Tensor:
    """Count the classes (N, people) that the chosen people name, (N, O)."""
    found = torch.zeros_like(like)
    index = named.clamp_max(like.shape[-1] - 1)

    return found.scatter_add(-1, index, chosen.to(like.dtype))
