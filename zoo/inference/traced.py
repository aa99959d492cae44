"""A function of tensors that is traced once and then run the fastest way: as a graph, compiled, or captured."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from zoo.inference.graph import Function, statement, trace

WAYS = ("auto", "plain", "traced", "compiled", "captured")
FEW = 30  # calls below which tracing costs more than it saves
TRIALS = 5  # calls by which two ways are compared


class Traced:
    """A function of tensors, run as its graph: the program's Python runs once for each set of shapes.

    The ways of running are "plain" (the program itself), "traced" (its graph, operation by operation; equal bits),
    "compiled" (the graph through torch's compiler; gradients within 1e-5) and "captured" (a CUDA graph). "auto" traces
    unless there are only a few calls to come, compiles when that is worth the wait, and keeps what was measured to be
    faster. What cannot be traced runs plainly, after one warning that names the statement; where there is no C++
    compiler the graph runs uncompiled, after one sentence.

    Arguments:
        function: A function of tensors that returns a tuple of tensors; it may take gradients inside.
        compile: The way of running, or True for "compiled" and False for "traced".
        calls: Number of calls to come, for "auto".
        writes: Tensors that the function changes in place; trial runs put them back.

    Raises:
        ValueError: A way of running that there is none of.

    Example:
        >>> double = Traced(lambda x: (2 * x,), compile="traced")
        >>> double(torch.ones(2)), double.how
        ((tensor([2., 2.]),), 'traced')
    """

    def __init__(
        self,
        function: Function,
        *,
        compile: bool | str = "auto",
        calls: int = 0,
        writes: Sequence[Tensor] = (),
    ) -> None:
        self.function, self.calls, self.writes = function, calls, list(writes)
        self.compile = way_of(compile)
        self.how, self.seconds = "", 0.0
        self._ways: dict[tuple, Function] = {}
        self._seen: dict[tuple, int] = {}

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Return the function's value."""
        key = tuple((tensor.shape, tensor.dtype, tensor.device) for tensor in inputs)
        way = self._ways.get(key)
        if way is None:
            way = self._prepared(key, inputs)
        return way(*inputs)

    def _prepared(self, key: tuple, inputs: Sequence[Tensor]) -> Function:
        self._seen[key] = self._seen.get(key, 0) + 1
        if self._ways and self._seen[key] < 3:  # another size now and then, such as an epoch's last batch
            return self.function
        began = time.perf_counter()
        self._ways[key], how = self._choose(inputs)
        self.seconds += time.perf_counter() - began
        self.how = self.how or how
        return self._ways[key]

    def _choose(self, inputs: Sequence[Tensor]) -> tuple[Function, str]:
        if self.compile == "plain" or (self.compile == "auto" and self.calls < FEW):
            return self.function, "plain"
        graph = self._trace(inputs)
        if graph is None:
            return self.function, "plain"
        module, captured = graph

        @torch.no_grad()
        def traced(*inputs: Tensor) -> tuple[Tensor, ...]:
            return module(*inputs, *captured)

        if inputs and inputs[0].is_cuda and self.compile in ("auto", "captured"):
            from zoo.inference.captured import Captured

            return Captured(traced, inputs), "captured"
        if self.compile == "traced" or (self.compile == "auto" and not self._is_worth_it(traced, inputs, module)):
            return traced, "traced"
        compiled = self._compiled(module, captured, inputs)
        if compiled is None or (self.compile == "auto" and not self._is_faster(compiled, traced, inputs)):
            return traced, "traced"
        return compiled, "compiled"

    def _trace(self, inputs: Sequence[Tensor]) -> tuple[torch.fx.GraphModule, list[Tensor]] | None:
        try:
            with self._trial():
                module, captured = trace(self.function, inputs)
            with self._trial(), torch.no_grad():
                graph_says = module(*inputs, *captured)
        except Exception as error:  # any program may be handed over, and it can fail in its own way
            reason = str(error).strip().splitlines() or [type(error).__name__]
            warnings.warn(
                f"the program could not be traced and runs as plain Pyro, several times slower: {statement(error)}: "
                f"{reason[0]}",
                stacklevel=7,
            )
            return None
        with self._trial():
            program_says = self.function(*inputs)
        if not all(same(one, other) for one, other in zip(graph_says, program_says, strict=True)):
            warnings.warn(
                "the program runs as plain Pyro, several times slower: run again it gave another value than its graph, "
                "so it depends on something that changes between calls and is no tensor; keep that in a tensor",
                stacklevel=7,
            )
            return None
        return module, captured

    def _is_worth_it(self, traced: Function, inputs: Sequence[Tensor], module: torch.fx.GraphModule) -> bool:
        wait = 3.0 + 0.02 * len(module.graph.nodes)  # seconds, as measured for graphs of 300 to 2000 operations
        return 0.5 * self.calls * self._seconds(traced, inputs) > wait

    def _is_faster(self, one: Function, other: Function, inputs: Sequence[Tensor]) -> bool:
        return self._seconds(one, inputs) < self._seconds(other, inputs)

    def _seconds(self, way: Function, inputs: Sequence[Tensor]) -> float:
        times = []
        with self._trial():
            for _ in range(TRIALS + 1):
                began = time.perf_counter()
                way(*inputs)
                times.append(time.perf_counter() - began)
        return min(times[1:])

    def _compiled(
        self, module: torch.fx.GraphModule, captured: list[Tensor], inputs: Sequence[Tensor]
    ) -> Function | None:
        from torch._inductor import compile as inductor  # slow to import, and only needed here
        from torch._inductor import config

        try:
            with self._trial(), torch.no_grad(), config.patch(fallback_random=True):
                # the graph is all there is: without Dynamo's guards a call costs a third less
                run = inductor(module, [*inputs, *captured])
                run(*inputs, *captured)
        except Exception as error:  # no compiler, or one that cannot build this graph
            if self.compile == "compiled":
                raise
            reason = str(error).strip().splitlines() or [type(error).__name__]
            warnings.warn(f"running without compiling, several times slower: {reason[0]}", stacklevel=7)
            return None

        @torch.no_grad()
        def compiled(*inputs: Tensor) -> tuple[Tensor, ...]:
            return run(*inputs, *captured)

        return compiled

    @contextmanager
    def _trial(self) -> Iterator[None]:
        """Run something without a trace: random numbers and written tensors are put back."""
        before = [tensor.detach().clone() for tensor in self.writes]
        with torch.random.fork_rng():
            yield
        with torch.no_grad():
            for tensor, value in zip(self.writes, before, strict=True):
                tensor.copy_(value)


def way_of(compile: bool | str) -> str:
    """Return the name of a way of running, True and False among them."""
    way = {True: "compiled", False: "traced"}.get(compile, compile)
    if way not in WAYS:
        raise ValueError(f"compile is True, False or one of {', '.join(WAYS)}, not {compile!r}")
    return way


def same(one: Tensor, other: Tensor) -> bool:
    """Tell whether two tensors are equal, NaN included."""
    return one.shape == other.shape and bool(torch.equal(one.nan_to_num(), other.nan_to_num()))


__all__ = ["Callable", "Traced", "way_of"]
