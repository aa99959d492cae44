"""Codes of the examples of a batch: few runs of a network tell which example is where."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor


def codes(num_examples: int) -> Tensor:
    r"""Return in which of M runs each of B examples is changed, (M, B).

    .. math:: \\binom{M}{\lfloor M / 2 \rfloor} \ge B

    All examples are in the same number of runs, and no two in the same runs. So what is changed in
    the runs of one example depends on that one alone: what depends on two is changed in more.

    References:
        Ein Satz über Untermengen einer endlichen Menge (Sperner, 1928)

    Arguments:
        num_examples: Number of examples B.
    """
    num_runs = 0
    while math.comb(num_runs, num_runs // 2) < num_examples:
        num_runs += 1

    is_changed = torch.zeros(num_runs, num_examples, dtype=torch.bool)
    subsets = itertools.combinations(range(num_runs), num_runs // 2)
    for example, runs in enumerate(itertools.islice(subsets, num_examples)):
        is_changed[list(runs), example] = True

    return is_changed


def decode(is_changed: Tensor, table: Tensor) -> list[int] | None:
    """Return the example of each place, -1 for a place that no run has changed.

    Arguments:
        is_changed: The runs in which each place is changed, (M, n).
        table: The codes, (M, B).

    Returns:
        The examples, or None if a place depends on two of them.
    """
    example_of = {tuple(code): number for number, code in enumerate(table.T.tolist())}
    unchanged = (False,) * len(table)

    found = []
    for code in map(tuple, is_changed.T.tolist()):
        example = -1 if code == unchanged else example_of.get(code)
        if example is None:
            return None

        found.append(example)

    return found


def complete(examples: list[int], num_examples: int) -> list[int] | None:
    """Fill in the places without an example: all K in a row belong to one, and the rows repeat.

    Arguments:
        examples: The example of each place, -1 where it is not known.
        num_examples: Number of examples B.

    Returns:
        The example of each place, or None if the known ones do not follow such a rule.
    """
    if -1 not in examples:
        return examples

    num_places = len(examples)
    is_known = any(example >= 0 for example in examples)
    longest = num_places // num_examples if is_known else 0

    for in_a_row in range(1, longest + 1):
        if num_places % (in_a_row * num_examples):
            continue

        by_rule = [place // in_a_row % num_examples for place in range(num_places)]
        pairs = zip(examples, by_rule, strict=True)
        if all(example in (-1, other) for example, other in pairs):
            return by_rule

    return None
