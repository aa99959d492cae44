"""A function of tensors that is traced once and then run the fastest way: as a graph, compiled, or captured."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.fx import GraphModule, Interpreter

from zoo.runtime.caller import stack_level, statement
from zoo.tracing.captured import Captured
from zoo.tracing.compiled import by_rows, compiled
from zoo.tracing.graph import Function, trace
from zoo.tracing.simplify import is_view

WAYS = ("auto", "plain", "traced", "compiled", "captured")
FEW = 30  # calls below which tracing, which takes as long as some ten, is left
SAVED = 0.7  # of the seconds in operations that a compiler can fuse
WAIT, WAIT_PER_NODE = (
    2.0,
    0.05,
)  # seconds of compiling, by a factor of two: 5 for 194 operations, 20 to 40 for 500
TRIALS = 5  # calls by which two ways are compared


class Traced:
    """A function of tensors, run as its graph: the program's Python runs once for each set of shapes.

    The ways of running are "plain" (the program itself), "traced" (its graph, operation
    by operation; equal bits), "compiled" (the graph through torch's compiler; gradients
    within 1e-5) and "captured" (a CUDA graph). "auto" traces unless there are only a
    few calls to come, compiles when that is worth the wait, and keeps what was measured
    to be faster. What cannot be traced runs plainly, after one warning that names the
    statement; where there is no C++ compiler the graph runs uncompiled, after one
    sentence.

    Arguments:
        function: A function of tensors that returns a tuple of tensors; it may take
            gradients inside.
        compile: The way of running, or True for "compiled" and False for "traced".
        calls: Number of calls to come, for "auto".
        writes: Tensors that the function changes in place; trial runs put them back.
        overwrite: Whether results are used before the next call, which may then write
            over them.
        rows: Rows of all inputs and results, independent of each other, that are
            compiled for: more are worked off so many at a time. None compiles for all.

    Raises:
        ValueError: A way of running that there is none of; "captured" for tensors that
            are on no CUDA device.

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
        overwrite: bool = False,
        rows: int | None = None,
    ) -> None:
        self.function, self.calls, self.writes, self.overwrite = (
            function,
            calls,
            list(writes),
            overwrite,
        )
        self.rows = rows
        self.compile = way_of(compile)
        self.how, self.seconds, self.done = "", 0.0, 0
        self._ways: dict[tuple, Function] = {}
        self._seen: dict[tuple, int] = {}

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Return the function's value."""
        key = tuple((tensor.shape, tensor.dtype, tensor.device) for tensor in inputs)
        way = self._ways.get(key)
        if way is None:
            way = self._prepared(key, inputs)
        self.done += 1
        return way(*inputs)

    def settle(self, way: bool | str) -> None:
        """Run in a given way from the next call on, as an earlier run did."""
        self.compile, self.how = way_of(way), ""
        self._ways.clear()
        self._seen.clear()

    def _prepared(self, key: tuple, inputs: Sequence[Tensor]) -> Function:
        self._seen[key] = self._seen.get(key, 0) + 1
        if (
            self._ways and self._seen[key] < 3
        ):  # another size now and then, such as an epoch's last batch
            return self.function
        began = time.perf_counter()
        share = self._seen[key] / (self.done + 1) if self._ways else 1.0
        self._ways[key], how = self._choose(inputs, share * (self.calls - self.done))
        self.seconds += time.perf_counter() - began
        self.how = self.how or how
        return self._ways[key]

    def _choose(self, inputs: Sequence[Tensor], calls: float) -> tuple[Function, str]:
        if self.compile == "plain" or (self.compile == "auto" and calls < FEW):
            return self.function, "plain"
        graph = self._trace(inputs)
        if graph is None:
            return self.function, "plain"
        module, captured = graph
        run = module.forward

        @torch.no_grad()
        def traced(*inputs: Tensor) -> tuple[Tensor, ...]:
            return run(*inputs, *captured)

        on_cuda = any(tensor.is_cuda for tensor in (*inputs, *captured))
        if self.compile == "captured" or (self.compile == "auto" and on_cuda):
            return self._captured(traced, inputs, on_cuda)
        if self.compile == "traced" or (
            self.compile == "auto" and calls * self._gain(module, captured, inputs) < 1
        ):
            return traced, "traced"
        fast = self._compiled(module, captured, inputs)
        if fast is None or (
            self.compile == "auto" and not self._is_faster(fast, traced, inputs)
        ):
            return traced, "traced"
        return fast, "compiled"

    def _trace(
        self, inputs: Sequence[Tensor]
    ) -> tuple[GraphModule, list[Tensor]] | None:
        try:
            with self._trial():
                module, captured = trace(self.function, inputs)
            with self._trial(), torch.no_grad():
                graph_says = module.forward(*inputs, *captured)
        except (
            Exception
        ) as error:  # any program may be handed over, and it can fail in its own way
            warnings.warn(
                f"the program could not be traced and runs as plain Pyro, several times slower: {statement(error)}: "
                f"{reason(error)}",
                stacklevel=stack_level(),
            )
            return None
        with self._trial():
            program_says = self.function(*inputs)
        if not all(
            same(one, other)
            for one, other in zip(graph_says, program_says, strict=True)
        ):
            warnings.warn(
                "the program runs as plain Pyro, several times slower: run again it gave another value than its graph, "
                "so it depends on something that changes between calls and is no tensor; keep that in a tensor",
                stacklevel=stack_level(),
            )
            return None
        return module, captured

    def _captured(
        self, traced: Function, inputs: Sequence[Tensor], on_cuda: bool
    ) -> tuple[Function, str]:
        if not on_cuda:
            raise ValueError(
                "compile='captured' is a CUDA graph, and these tensors are not on CUDA; use 'auto'"
            )
        try:
            with self._trial():
                return Captured(traced, inputs, self.overwrite), "captured"
        except RuntimeError as error:  # an operation that waits for the device, say
            if self.compile == "captured":
                raise
            warnings.warn(
                f"running without a CUDA graph, several times slower: {reason(error)}",
                stacklevel=stack_level(),
            )
            return traced, "traced"

    def _gain(
        self, module: GraphModule, captured: list[Tensor], inputs: Sequence[Tensor]
    ) -> float:
        """Return what compiling saves at each call, as a share of the wait for it."""
        with self._trial(), torch.no_grad():
            for clock in (Clock(module), Clock(module)):  # the first warms up
                clock.run(*inputs, *captured)
        return SAVED * clock.seconds / (WAIT + WAIT_PER_NODE * len(module.graph.nodes))

    def _is_faster(
        self, one: Function, other: Function, inputs: Sequence[Tensor]
    ) -> bool:
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
        self, module: GraphModule, captured: list[Tensor], inputs: Sequence[Tensor]
    ) -> Function | None:
        rows = self.rows if self.rows and self.rows < len(inputs[0]) else None
        try:
            with self._trial():
                if rows is None:
                    return compiled(module, captured, inputs)
                few = [tensor[:rows] for tensor in inputs]
                return by_rows(compiled(*trace(self.function, few), few), rows)
        except Exception as error:  # no compiler, or one that cannot build this graph
            if self.compile == "compiled":
                raise
            warnings.warn(
                f"running without compiling, several times slower: {reason(error)}",
                stacklevel=stack_level(),
            )
            return None

    @contextmanager
    def _trial(self) -> Iterator[None]:
        """Run something without a trace: random numbers and written tensors are put back."""
        before = [tensor.detach().clone() for tensor in self.writes]
        with torch.random.fork_rng():
            yield
        with torch.no_grad():
            for tensor, value in zip(self.writes, before, strict=True):
                tensor.copy_(value)


class Clock(Interpreter):
    """Runs a graph and adds up the seconds of the operations that a compiler would fuse, other processes' left out."""

    def __init__(self, module: GraphModule) -> None:
        super().__init__(module)
        self.seconds = 0.0

    def call_function(self, target: Function, args: tuple, kwargs: dict) -> object:
        """Run one operation, timed if it works number by number, or not at all."""
        began = time.thread_time()
        result = super().call_function(target, args, kwargs)
        if torch.Tag.pointwise in getattr(target, "tags", ()) or is_view(target):
            self.seconds += time.thread_time() - began
        return result


def reason(error: BaseException) -> str:
    """Return the first line of what an error says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def way_of(compile: bool | str) -> str:
    """Return the name of a way of running, True and False among them."""
    way = {True: "compiled", False: "traced"}.get(compile, compile)
    if way not in WAYS:
        raise ValueError(
            f"compile is True, False or one of {', '.join(WAYS)}, not {compile!r}"
        )
    return way


def same(one: Tensor, other: Tensor) -> bool:
    """Tell whether two tensors are equal, NaN included."""
    return one.shape == other.shape and bool(
        torch.equal(one.nan_to_num(), other.nan_to_num())
    )
