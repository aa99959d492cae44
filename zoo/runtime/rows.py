"""Trees of tensors with the data in front: rows are counted, taken, split and joined."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import torch
from torch import Tensor
from torch.utils._pytree import (
    TreeSpec,
    keystr,
    tree_flatten,
    tree_flatten_with_path,
    tree_map,
    tree_map_only,
    tree_unflatten,
)

from zoo.runtime.autograd import usable

Rows = Any
"""A tensor (N, ...), or a tuple or mapping of such: torch's own trees, of tensors and None.

As inputs of a network, a tuple holds positional arguments, and a mapping keyword arguments.
"""


class _Array(Protocol):
    def __array__(self, *args: Any, **kwargs: Any) -> Any: ...


Column: TypeAlias = Tensor | _Array | Sequence[float] | str
"""A value for each datum, (N, ...): a tensor, an array, a column of a table, or its name there."""


@dataclass(frozen=True)
class Structure:
    """What a tree of tensors is besides its tensors.

    Arguments:
        spec: The tree.
        is_tensor: Whether each of its leaves is a tensor; the others are None.
    """

    spec: TreeSpec
    is_tensor: tuple[bool, ...]

    def build(self, tensors: Sequence[Tensor]) -> Rows:
        """Return a tree of this structure with given tensors."""
        remaining = iter(tensors)
        leaves = [next(remaining) if filled else None for filled in self.is_tensor]

        return tree_unflatten(leaves, self.spec)


def flatten(tree: Rows) -> tuple[list[Tensor], Structure]:
    """Return the tensors of a tree in order, and its structure."""
    leaves, spec = tree_flatten(tree)
    is_tensor = tuple(isinstance(leaf, Tensor) for leaf in leaves)
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]

    return tensors, Structure(spec, is_tensor)


def tensors_of(tree: Rows) -> list[Tensor]:
    """Return the tensors of a tree in order."""
    tensors, _ = flatten(tree)

    return tensors


def named_tensors(tree: Rows, name: str) -> dict[str, Tensor]:
    """Return the tensors of a tree by their place, such as `inputs['static']`.

    Arguments:
        tree: The tree.
        name: Its name, to which the place is added.
    """
    leaves, _ = tree_flatten_with_path(tree)

    return {
        f"{name}{keystr(path)}": leaf
        for path, leaf in leaves
        if isinstance(leaf, Tensor)
    }


def of_named(named: Mapping[str, Tensor], name: str) -> Rows:
    """Return the tree whose tensors have the names that `named_tensors` gives.

    Arguments:
        named: The tensors: one, or those of a tuple or a mapping.
        name: The name of the tree.

    Raises:
        ValueError: Names of another tree.
    """
    if list(named) == [name]:
        return named[name]

    parts: dict[Any, Tensor] = {}
    for place, tensor in named.items():
        key = ast.literal_eval(place.removeprefix(name))
        if not (isinstance(key, list) and len(key) == 1):
            raise ValueError(f"{place!r} is no place in a tuple or mapping of tensors")

        parts[key[0]] = tensor

    if set(parts) == set(range(len(parts))):
        return tuple(parts[number] for number in range(len(parts)))

    return parts


def num_rows(tree: Rows, name: str = "inputs") -> int:
    """Return the number of rows N that all tensors of a tree have.

    Arguments:
        tree: The tree.
        name: Its name in messages.

    Raises:
        ValueError: There is no tensor, one has no dimension, or they differ in their
            number of rows; the message names them.
    """
    if isinstance(tree, Tensor) and tree.dim() > 0:
        return len(tree)

    named = named_tensors(tree, name)
    if not named:
        raise ValueError(f"the {name} hold no tensor; give at least one")

    numbers = {}
    for place, tensor in named.items():
        if tensor.dim() == 0:
            raise ValueError(
                f"the {place} have no dimension, but the data must be the first one; write "
                "value.expand(N) for a value of all N data"
            )

        numbers[place] = len(tensor)

    if len(set(numbers.values())) > 1:
        listed = ", ".join(f"{place} has {n}" for place, n in numbers.items())
        raise ValueError(
            f"all {name} must have the same number of rows, the data in front, but {listed}; "
            "give one row of each for a datum; what belongs to no datum, e.g. edges of a graph, "
            "is a buffer: network.register_buffer(name, tensor), read in forward"
        )

    return next(iter(numbers.values()))


def take(tree: Rows, index: Tensor | slice) -> Rows:
    """Return some of the rows of every tensor of a tree."""
    is_numbers = isinstance(index, Tensor) and index.dtype == torch.int64

    def taken(tensor: Tensor) -> Tensor:
        if is_numbers and tensor.layout is torch.strided:
            return tensor.index_select(0, index)  # copies whole rows

        return tensor[index]

    if isinstance(tree, Tensor):
        return taken(tree)

    return tree_map_only(Tensor, taken, tree)


def first(tree: Rows, number: int | None) -> Rows:
    """Return the first rows of every tensor of a tree, all of them for None."""
    return take(tree, slice(number))


def split(tree: Rows, size: int) -> Iterator[Rows]:
    """Give the rows of a tree in parts of a size; the last may be smaller."""
    for start in range(0, num_rows(tree), size):
        yield take(tree, slice(start, start + size))


def concatenate(parts: Sequence[Rows]) -> Rows:
    """Return the rows of several trees of one structure, one after the other."""
    if len(parts) == 1:
        return parts[0]

    def joined(*leaves: Tensor | None) -> Tensor | None:
        tensors = [leaf for leaf in leaves if leaf is not None]

        return torch.cat(tensors) if tensors else None

    return tree_map(joined, *parts)


def moved(tree: Rows, like: Tensor) -> Rows:
    """Move a tree to the device of a tensor, and its floating-point tensors to its dtype."""

    def placed(tensor: Tensor) -> Tensor:
        dtype = like.dtype if tensor.is_floating_point() else tensor.dtype

        return usable(tensor.to(like.device, dtype))

    return tree_map_only(Tensor, placed, tree)


def num_elements(tree: Rows) -> int:
    """Return the number of elements of all tensors of a tree."""
    return sum(tensor.numel() for tensor in tensors_of(tree))


def is_same(one: Rows, other: Rows) -> bool:
    """Return whether two trees have the same structure and equal tensors."""
    tensors, structure = flatten(one)
    others, other_structure = flatten(other)
    if structure != other_structure:
        return False

    return all(map(torch.equal, tensors, others))


def describe(tree: Rows) -> str:
    """Write the shapes of a tree, such as `(8, 3)` or `{'x': (8, 3), 'mask': (8,)}`."""
    shapes = tree_map(_shape, tree)

    return str(shapes)


def _shape(leaf: Tensor | None) -> tuple[int, ...] | None:
    """Return the shape of a leaf."""
    return None if leaf is None else tuple(leaf.shape)
