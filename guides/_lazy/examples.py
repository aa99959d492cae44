"""Where the examples of a batch are in a layer's input, and noise aligned with them."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor


class ExamplePlace(Protocol):
    """Along which dimension of a layer's input the examples are, and in which order.

    Attributes:
        num_examples: Number of examples B.
        dim: The dimension.
        index: The example (n,) at each place along the dimension, None for 0, ..., B - 1.
        is_single: Whether the weight serves each example once: the layer is applied once, to
            one vector for each example.
    """

    @property
    def num_examples(self) -> int: ...

    @property
    def dim(self) -> int: ...

    @property
    def index(self) -> Tensor | None: ...

    @property
    def is_single(self) -> bool: ...


class ExamplePlaces(Protocol):
    """The place of the examples in inputs of a layer, by the shape of the input."""

    def get(self, shape: torch.Size) -> ExamplePlace | None:
        """Return the place, or None if it is not known."""
        ...


class _FirstDimension(NamedTuple):
    """The place of B examples that are the first dimension."""

    num_examples: int
    dim: int = 0
    index: Tensor | None = None
    is_single: bool = False


class BatchFirst:
    """The places in a network where the examples are the first dimension of every layer's input.

    Arguments:
        is_single: Whether each layer is applied once.
    """

    def __init__(self, is_single: bool = False) -> None:
        self.is_single = is_single

    def get(self, shape: torch.Size) -> ExamplePlace | None:
        """Return the first dimension; an input of one dimension has no examples."""
        if len(shape) < 2:
            return None

        is_single = self.is_single and len(shape) == 2

        return _FirstDimension(shape[0], is_single=is_single)


def per_example(
    noise: Tensor, x: Tensor, layer: Any, place: ExamplePlace | None = None
) -> Tensor:
    """Align the noise of each example with the inputs or outputs of a layer.

    Arguments:
        noise: Noise for each example and channel, (B, C).
        x: Inputs (..., C) of a linear layer, or (n, C, ...) of a convolution.
        layer: The layer.
        place: Where the examples are; by default the first dimension.
    """
    dim = 0
    if place is not None:
        dim = place.dim
        if place.index is not None:
            noise = noise.index_select(0, place.index)  # (n, C)

    if layer is not F.linear:
        ones = [1] * (x.dim() - 2)
        return noise.reshape(*noise.shape, *ones)

    shape = [1] * x.dim()
    shape[dim] = len(noise)
    shape[-1] = noise.shape[1]

    return noise.reshape(shape)
