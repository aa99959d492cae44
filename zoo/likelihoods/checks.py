"""Checks of what is observed: shapes, values, weights and known quantities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations
from math import prod

import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from zoo.likelihoods.missing import left_out


def check_distribution(likelihood: object, distribution: object, num_data: int) -> None:
    """Refuse what is no distribution with a batch of all data.

    Arguments:
        likelihood: The likelihood that made it.
        distribution: What it made.
        num_data: Number of data N.
    """
    if not isinstance(distribution, TorchDistributionMixin):
        family = type(distribution).__name__
        raise TypeError(
            f"{likelihood!r} must make a distribution of pyro.distributions, not {family}; e.g. "
            "dist.Poisson(f.exp())"
        )

    shape = tuple(distribution.batch_shape)
    if shape[:1] != (num_data,):
        family = type(distribution).__name__
        raise ValueError(
            f"{family} under {likelihood!r} has batch shape {shape}, which must begin with the "
            f"number of data, {num_data}; keep the dimensions of the output"
        )


def check_shape(
    likelihood: object, output: Tensor, y: Tensor, expected: Sequence[int]
) -> None:
    """Refuse targets of another shape than the likelihood needs.

    Arguments:
        likelihood: The likelihood, for the message.
        output: The network's output, (N, ...).
        y: Targets.
        expected: The shape that they should have.
    """
    shape = tuple(y.shape)
    if shape == tuple(expected):
        return

    raise ValueError(
        f"targets have shape {shape}, but with outputs of shape {tuple(output.shape)} "
        f"{likelihood!r} needs {tuple(expected)}{_remedy(shape, tuple(expected))}"
    )


def _remedy(shape: tuple[int, ...], expected: tuple[int, ...]) -> str:
    """Say how targets get the expected shape, if no target changes its place; "" otherwise."""
    if [size for size in shape if size > 1] == [size for size in expected if size > 1]:
        return f"; write y.reshape({expected})"

    orders = []
    if len(shape) == len(expected) <= 5 and shape[0] == expected[0]:
        for order in permutations(range(1, len(shape))):
            if tuple(shape[axis] for axis in order) == expected[1:]:
                orders.append((0, *order))

    if len(orders) == 1:
        return f"; write y.permute{orders[0]}"

    if prod(shape) == prod(expected):
        return "; permute the dimensions of y, or those of the network's output"

    return ""


def check_finite(likelihood: object, y: Tensor, counts: Tensor | None) -> None:
    """Refuse NaN and infinite values among the targets that count.

    Arguments:
        likelihood: The likelihood, for the message.
        y: Targets (N, ...).
        counts: Which of them count, of the same shape; None for all.
    """
    wrong = ~torch.isfinite(y)
    if counts is not None:
        wrong = wrong & counts
    if not bool(wrong.any()):
        return

    row = int(wrong.reshape(len(y), -1).any(-1).nonzero()[0])
    remedy = "remove or impute them"
    if bool((y.isnan() & wrong).any()):
        name = type(likelihood).__name__
        remedy += f", or give {name} missing='nan', which leaves out those that are NaN"

    raise ValueError(
        f"the targets hold NaN or infinite values, the first in row {row}; {remedy}"
    )


def first_outside(
    distribution: TorchDistributionMixin, y: Tensor, counts: Tensor | None
) -> int | None:
    """Return the first datum whose target is outside the support, None if there is none.

    Arguments:
        distribution: The distribution, with batch shape (N, ...).
        y: Targets (N, ...), as the density needs them.
        counts: Which elements count, of the shape of y; None for all.
    """
    _, values = left_out(distribution, y, counts)
    inside = distribution.support.check(values)
    rows = inside.reshape(len(y), -1).all(-1)  # (N,)

    if (
        distribution.support.is_discrete
    ):  # torch takes fractional counts of a Multinomial
        is_whole = values == values.round()
        rows = rows & is_whole.reshape(len(y), -1).all(-1)

    return None if bool(rows.all()) else int((~rows).nonzero()[0])


def check_weights(weights: Tensor | None, num_data: int) -> None:
    """Refuse weights that are not one finite number, at least 0, for each datum.

    Arguments:
        weights: Weights (N,) or None.
        num_data: Number of data N.
    """
    if weights is None:
        return

    shape = tuple(weights.shape)
    if shape != (num_data,):
        raise ValueError(
            f"weights must have shape ({num_data},), one for each datum, not {shape}"
        )

    if weights.dtype == torch.bool:
        return

    wrong = ~torch.isfinite(weights) | (weights < 0)
    if bool(wrong.any()):
        row = int(wrong.nonzero()[0])
        raise ValueError(
            "weights multiply the log density of each datum and must be finite and at least 0, "
            f"not {weights[row].item():g} in row {row}"
        )


def check_names(
    likelihood: object, names: Sequence[str], given: Mapping[str, Tensor]
) -> None:
    """Refuse known quantities other than those that a likelihood asks for.

    Arguments:
        likelihood: The likelihood, for the message.
        names: The names that it asks for.
        given: Known quantities by name.
    """
    for name in names:
        if name not in given:
            raise ValueError(
                f"{likelihood!r} needs the {name} of each datum; write fit(data, {name}=...), "
                f"and predict(x, {name}=...) at new inputs"
            )

    for name in given:
        if name not in names:
            raise ValueError(
                f"{likelihood!r} asks for no {name} of each datum; omit {name}=..."
            )


def check_known(name: str, value: Tensor, num_data: int) -> None:
    """Refuse a known quantity that is not a finite tensor with a row for each datum.

    Arguments:
        name: Its name.
        value: The values (N, ...).
        num_data: Number of data N.
    """
    if not isinstance(value, Tensor):
        family = type(value).__name__
        raise TypeError(
            f"{name} must be a tensor with a row for each datum, not {family}"
        )

    shape = tuple(value.shape)
    if shape[:1] != (num_data,):
        raise ValueError(
            f"{name} must have one row for each of the {num_data} data, not shape {shape}"
        )

    finite = torch.isfinite(value)
    if not bool(finite.all()):
        row = int((~finite).reshape(num_data, -1).any(-1).nonzero()[0])
        raise ValueError(f"{name} holds NaN or infinite values, the first in row {row}")
