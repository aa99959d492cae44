"""A function captured in a CUDA graph, which launches all of its kernels at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

_WARM_UP = 3  # runs before the capture, in which libraries choose their kernels


class Captured:
    """A function of tensors as a CUDA graph; each call draws new random numbers.

    The graph reads its own copies of the inputs. Every other tensor that the function
    reads must keep its place in memory: parameters are updated in place.

    Arguments:
        function: A function of tensors that never waits for the device.
        inputs: Tensors on a CUDA device with the shapes of all later inputs.
        overwrite: Whether a call may write over the results of the one before; by
            default each call copies its results.

    Raises:
        RuntimeError: The function does something that a CUDA graph cannot hold.
    """

    def __init__(
        self,
        function: Callable[..., tuple[Tensor, ...]],
        inputs: Sequence[Tensor],
        overwrite: bool = False,
    ) -> None:
        self.inputs = [tensor.clone() for tensor in inputs]
        self.overwrite = overwrite
        self._copied = list(map(_Version, inputs))
        self._warm_up(function)

        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.outputs = function(*self.inputs)

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Return the function's value."""
        for number, tensor in enumerate(inputs):
            # a batch of all data is the same tensor at every step
            if not self._copied[number].is_of(tensor):
                self.inputs[number].copy_(tensor, non_blocking=True)
                self._copied[number] = _Version(tensor)

        self.graph.replay()
        if self.overwrite:
            return self.outputs

        return tuple(tensor.clone() for tensor in self.outputs)

    def _warm_up(self, function: Callable[..., tuple[Tensor, ...]]) -> None:
        """Run the function on a stream of its own, as a capture requires."""
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())

        with torch.cuda.stream(side):
            for _ in range(_WARM_UP):
                function(*self.inputs)

        torch.cuda.current_stream().wait_stream(side)


class _Version:
    """A tensor at one time, before any later write to it."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor
        self.number = tensor._version

    def is_of(self, tensor: Tensor) -> bool:
        """Return whether a tensor is the same one, and was not written to since."""
        return tensor is self.tensor and tensor._version == self.number
