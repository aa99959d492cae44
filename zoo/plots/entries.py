"""Some entries of a site, and of draws from the site and from its prior."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Distribution

from zoo.plots.canvas import as_array

Index = int | tuple[int, ...]

_MOST_ENTRIES = 12
_NUM_PRIOR_DRAWS = 4000


def chosen_entries(
    shape: tuple[int, ...], entries: Sequence[Index] | None
) -> list[tuple[int, ...]]:
    """Return the indices of the entries to show.

    Arguments:
        shape: Shape of the site.
        entries: The entries that were asked for; None for all, or twelve at even distances.

    Raises:
        ValueError: An entry that is not in the site, or no entry.
    """
    if entries is None:
        everywhere = list(product(*[range(size) for size in shape]))
        number = min(len(everywhere), _MOST_ENTRIES)
        places = np.linspace(0, len(everywhere) - 1, number).astype(int)
        return [everywhere[place] for place in places]

    if not entries:
        raise ValueError("entries is empty; write e.g. entries=[0], or omit it")

    indices = []
    for entry in entries:
        index = (entry,) if isinstance(entry, int) else tuple(entry)
        if not _is_inside(index, shape):
            raise ValueError(
                f"entry {index} is not in a site of shape {shape}; give {len(shape)} index(es) "
                "for each entry, e.g. entries=[(0, 1), (0, 2)] for a matrix"
            )

        indices.append(index)
    return indices


def _is_inside(index: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    if len(index) != len(shape):
        return False

    pairs = zip(index, shape, strict=True)
    return all(-size <= i < size for i, size in pairs)


def entry_label(name: str, index: tuple[int, ...]) -> str:
    """Return the name of an entry, such as "0.weight[0, 1]"."""
    if not index:
        return name

    listed = ", ".join(map(str, index))
    return f"{name}[{listed}]"


def values_of_entries(
    draws: Tensor, name: str, number: str, indices: list[tuple[int, ...]]
) -> np.ndarray:
    """Return some entries of draws, a column for each.

    Arguments:
        draws: The draws.
        name: The name of the argument, for the error message.
        number: The name of the number of draws, for the error message.
        indices: The indices of the entries.
    """
    sizes = [str(size) for size in torch.as_tensor(draws).shape[1:]]
    values = as_array(draws, name, ", ".join([number, *sizes]))
    columns = [values[:, *index] for index in indices]
    return np.stack(columns, -1)


def prior_values_of(
    prior: Tensor | Distribution, shape: tuple[int, ...], indices: list[tuple[int, ...]]
) -> np.ndarray:
    """Return draws of the prior of each entry, (S', E).

    Arguments:
        prior: The prior, or draws from it.
        shape: Shape of the site.
        indices: The indices of the entries.

    Raises:
        ValueError: Draws of another shape.
    """
    draws = _draws_of(prior) if isinstance(prior, Distribution) else prior
    prior_shape = tuple(torch.as_tensor(draws).shape[1:])
    if not prior_shape:
        shared = as_array(draws, "prior", "S'")
        return np.repeat(shared[:, None], len(indices), 1)

    if prior_shape != shape:
        raise ValueError(
            f"prior has draws of shape {prior_shape}, the site {shape}; give draws of the site's "
            "shape, (S', ...), or (S',) if all entries have the same prior"
        )
    return values_of_entries(draws, "prior", "S'", indices)


def _draws_of(prior: Distribution) -> Tensor:
    """Draw from a distribution with a seed of its own."""
    with torch.random.fork_rng(devices=[]):
        # torch.manual_seed would also seed the GPU
        torch.default_generator.manual_seed(0)
        return prior.sample(torch.Size([_NUM_PRIOR_DRAWS]))
