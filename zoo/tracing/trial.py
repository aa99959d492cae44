"""Trial runs of a program, which leave random numbers and written tensors as they were."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.fx import Interpreter
from torch.fx.node import Target

from zoo.tracing.graphs.graph import Function, TracedGraph
from zoo.tracing.graphs.operations import is_pointwise, is_view
from zoo.tracing.state.generators import set_shared_states, shared_states

_NUM_TRIALS = 5  # timed calls of a function
# of a small operation, and of a large one that reads and writes memory, on one core
_SECONDS_PER_CALL = 4e-6
_SECONDS_PER_BYTE = 4e-10


class Trial:
    """Runs parts of a program without lasting effects.

    Arguments:
        writes: Tensors that the program changes in place; each trial puts them back.
    """

    def __init__(self, writes: Sequence[Tensor]) -> None:
        self.writes = writes

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Put back random numbers and written tensors after a `with` block."""
        before = [tensor.detach().clone() for tensor in self.writes]
        shared = shared_states()

        try:
            with torch.random.fork_rng():
                yield
        finally:
            set_shared_states(shared)
            with torch.no_grad():
                for tensor, value in zip(self.writes, before, strict=True):
                    tensor.copy_(value)

    def seconds(self, function: Function, inputs: Sequence[Tensor]) -> float:
        """Return the seconds of the fastest of a few calls; the first is not counted."""
        times = []
        with self.undone():
            for _ in range(_NUM_TRIALS + 1):
                began = time.perf_counter()
                function(*inputs)
                times.append(time.perf_counter() - began)

        return min(times[1:])

    def seconds_fusible(self, graph: TracedGraph, inputs: Sequence[Tensor]) -> float:
        """Estimate the seconds of a run of a graph in operations that a compiler fuses.

        It follows from the sizes of their results alone, so that what depends on it is the
        same in every run.
        """
        sizes = _FusibleSizes(graph)
        with self.undone(), torch.no_grad():
            sizes.run(*inputs, *graph.captured)

        seconds_of_bytes = sizes.bytes * _SECONDS_PER_BYTE / torch.get_num_threads()

        return sizes.calls * _SECONDS_PER_CALL + seconds_of_bytes


class _FusibleSizes(Interpreter):
    """Runs a graph and counts calls, and bytes of results, of what a compiler fuses."""

    def __init__(self, graph: TracedGraph) -> None:
        super().__init__(graph.module)
        self.calls = 0
        self.bytes = 0

    def call_function(self, target: Target, args: tuple, kwargs: dict) -> object:
        """Run one operation, and count it if it is elementwise or a view."""
        result = super().call_function(target, args, kwargs)
        if is_pointwise(target) or is_view(target):
            self.calls += 1
        if is_pointwise(target) and isinstance(result, Tensor):
            self.bytes += result.nbytes

        return result
