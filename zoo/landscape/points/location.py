"""Weight vectors, and their affine combinations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Location:
    """One or more weight vectors, with the buffers that are carried along.

    Arguments:
        q: All latent sites in unconstrained coordinates, (*S, P).
        buffers: Statistics of batch normalisation and point estimates by name, (*S, *shape).
    """

    q: Tensor
    buffers: Mapping[str, Tensor]

    def __getitem__(self, index: slice | int) -> Location:
        buffers = {name: value[index] for name, value in self.buffers.items()}

        return Location(self.q[index], buffers)


@dataclass(frozen=True, eq=False)
class Span:
    """The affine span of a few weight vectors.

    Arguments:
        corners: The weight vectors, K of them.
    """

    corners: Sequence[Location]

    def at(self, weights: Tensor) -> Location:
        r"""Return the combinations of the corners with weights (S, K) that sum to one.

        .. math:: q_s = q_1 + \sum_{k > 1} w_{sk} (q_k - q_1)
        """
        first = self.corners[0]
        q = combined([corner.q for corner in self.corners], weights)

        buffers = {}
        for name in first.buffers:
            values = [corner.buffers[name] for corner in self.corners]
            moved = combined(values, weights)
            is_variance = name.endswith("running_var")
            buffers[name] = moved.clamp_min(0) if is_variance else moved

        return Location(q, buffers)


def combined(tensors: Sequence[Tensor], weights: Tensor) -> Tensor:
    """Return affine combinations (S, *shape) of K tensors with weights (S, K)."""
    first = tensors[0]
    others = [tensor - first for tensor in tensors[1:]]
    if not others:
        return first.expand(len(weights), *first.shape)

    steps = torch.tensordot(weights[:, 1:].to(first), torch.stack(others), dims=1)

    return first + steps
