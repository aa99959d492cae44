"""Likenesses of tensors for torch's compiler, in which the number of steps may vary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from zoo.tracing.graphs.repetition import Repetition

_NUM_STEPS = 7  # of the likenesses; one step would be taken for a constant


def likenesses(
    mode: Any, inputs: Sequence[Tensor], repetition: Repetition
) -> list[Tensor]:
    """Return fake tensors like the inputs of a repeated step.

    Arguments:
        mode: A `FakeTensorMode`.
        inputs: The inputs.
        repetition: How the step is repeated.
    """
    from torch._dynamo.source import ConstantSource
    from torch.fx.experimental.symbolic_shapes import DimDynamic
    from torch.fx.experimental.symbolic_shapes import StatelessSymbolicContext as Sizes

    end = repetition.num_carried + repetition.num_given
    found = []
    for number, tensor in enumerate(inputs):
        shape = list(tensor.shape)
        dims = [DimDynamic.STATIC] * tensor.dim()
        if repetition.num_carried <= number < end:
            shape[0] = _NUM_STEPS
            dims[0] = DimDynamic.DYNAMIC

        sizes = Sizes(dynamic_sizes=dims, constraint_sizes=[None] * len(dims))
        source = ConstantSource(f"input_{number}")
        # with memory of its own: inputs that share theirs now may not do so later
        like = torch.empty_strided(
            shape, tensor.stride(), dtype=tensor.dtype, device=tensor.device
        )
        fake = mode.from_tensor(like, symbolic_context=sizes, source=source)
        found.append(fake)

    return found
