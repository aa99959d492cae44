"""A function captured in a CUDA graph: all its kernels are launched at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

WARM_UP = 3  # runs before the capture, in which libraries choose their kernels


class Captured:
    """A function of tensors as a CUDA graph, which reads its own copies of the inputs and draws afresh at each call.

    Every other tensor that the function reads must stay where it is in memory:
    parameters are updated in place.

    Arguments:
        function: A function of tensors that never waits for the device.
        inputs: Tensors on a CUDA device with the shapes of all inputs to come.
        overwrite: Whether the next call may write over the results of this one; else
            each call copies them.

    Raises:
        RuntimeError: The function does what no graph can hold.
    """

    def __init__(
        self,
        function: Callable[..., tuple[Tensor, ...]],
        inputs: Sequence[Tensor],
        overwrite: bool = False,
    ) -> None:
        self.inputs = [tensor.clone() for tensor in inputs]
        self.given = [(tensor, tensor._version) for tensor in inputs]
        self.overwrite = overwrite
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                function(*self.inputs)
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.outputs = function(*self.inputs)

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Return the function's value."""
        for number, (own, tensor) in enumerate(zip(self.inputs, inputs, strict=True)):
            seen, version = self.given[number]
            if (
                tensor is not seen or tensor._version != version
            ):  # all data at once are the same at every step
                own.copy_(tensor, non_blocking=True)
                self.given[number] = tensor, tensor._version
        self.graph.replay()
        return (
            self.outputs
            if self.overwrite
            else tuple(tensor.clone() for tensor in self.outputs)
        )
