"""A function of tensors that is traced once and then run in the fastest mode."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from zoo.runtime.caller import stack_level
from zoo.tracing.graphs.graph import Function
from zoo.tracing.graphs.repetition import ONCE, Repetition
from zoo.tracing.mode import ModeChooser, mode_name
from zoo.tracing.state.plain_values import PlainValues
from zoo.tracing.trial import Trial

_RECURRENCES = 3  # calls with other shapes after which these are traced as well


class Traced:
    """A function of tensors that runs as a graph: Python runs it once for each set of shapes.

    The modes are "plain" (the program itself), "traced" (its graph, operation by
    operation, with equal bits), "compiled" (the graph through torch's compiler, with
    gradients within 1e-5) and "captured" (a CUDA graph). The mode "auto" traces unless
    only a few calls are left, compiles if that is likely to save more time than it
    takes, and keeps the graph if measurement says that it is clearly faster.

    A program that cannot be traced runs in plain mode, after one warning that names its
    statement. Without a C++ compiler the graph runs in traced mode, after one warning.

    Arguments:
        function: A function of tensors that returns a tuple of tensors; it may take
            gradients inside.
        compile: The mode, or True for "compiled" and False for "traced".
        calls: Number of calls to come, for "auto"; of steps, if it repeats a step.
        writes: Tensors that the function changes in place; trial runs put them back.
        overwrite: Whether results are used before the next call, which may then write
            over them.
        rows: Number of rows to compile for; all inputs and results have rows that are
            independent of each other, and run this many at a time. By default it is
            compiled for all rows.
        compiles: Whether it may be compiled; False for a program that has few calls, which
            the compiler takes longer for than they do.
        owners: Modules and other objects whose plain attributes the function may read.
            If one changes between two calls, e.g. a temperature that a scheduler
            anneals, the program runs in plain mode from then on, after one warning.
        repetition: How the program repeats a step, if it does; the function is the step.
            The loop is compiled with it, and takes any number of steps.
        workers: Number of threads, each of which runs a compiled program for other rows.

    Raises:
        ValueError: A mode that does not exist, or "captured" for tensors that are not on
            a CUDA device.

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
        compiles: bool = True,
        owners: Sequence[Any] = (),
        repetition: Repetition = ONCE,
        workers: int = 1,
    ) -> None:
        self.function = function
        self.calls = calls
        self.writes = list(writes)
        self.overwrite = overwrite
        self.rows = rows
        self.compiles = compiles
        self.repetition = repetition
        self.workers = workers
        self.compile = mode_name(compile)

        self.how = ""  # the mode that was chosen first, empty before the first call
        self.seconds = 0.0  # spent in tracing, compiling and trials
        self.done = 0  # calls so far, or steps
        self._owners = list(owners)
        self._values: PlainValues | None = None  # those that the graphs have
        self._trial = Trial(self.writes)
        self._runs: dict[tuple, Function] = {}  # by the shapes of the inputs
        self._num_seen: dict[tuple, int] = {}  # calls with these shapes

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Return the function's value."""
        shapes = self._shapes(inputs)
        if self._values is not None:
            self._look_for_change(self._values)

        run = self._runs.get(shapes)
        if run is None:
            run = self._prepare(shapes, inputs)

        self.done += self.repetition.num_steps(inputs)

        return run(*inputs)

    def _shapes(self, inputs: Sequence[Tensor]) -> tuple:
        """Return the shapes of the inputs, without the number of steps."""
        found = []
        given = range(self.repetition.num_given)
        for number, tensor in enumerate(inputs, -self.repetition.num_carried):
            shape = tensor.shape[1:] if number in given else tensor.shape
            found.append((shape, tensor.dtype, tensor.device))

        return tuple(found)

    def settle(self, mode: bool | str) -> None:
        """Run in a given mode from the next call on, such as that of an earlier run.

        Arguments:
            mode: The mode, as for `compile`.
        """
        self.compile = mode_name(mode)
        self.how = ""
        self._runs.clear()
        self._num_seen.clear()

    def _prepare(self, shapes: tuple, inputs: Sequence[Tensor]) -> Function:
        """Return the function to run for inputs of new shapes."""
        num_seen = self._num_seen.get(shapes, 0) + 1
        self._num_seen[shapes] = num_seen

        is_first = not self._runs
        if not is_first and num_seen < _RECURRENCES:
            # shapes that are rare, e.g. of an epoch's last batch
            return self.repetition.in_python(self.function)

        began = time.perf_counter()
        share = 1.0 if is_first else num_seen / (self.done + 1)
        calls = share * (self.calls - self.done)
        choice = self._chooser().choose(inputs, calls)
        self.seconds += time.perf_counter() - began

        self._runs[shapes] = choice.run
        self.how = self.how or choice.mode
        if choice.mode != "plain" and self._values is None:
            self._values = PlainValues(self._owners)

        return choice.run

    def _look_for_change(self, values: PlainValues) -> None:
        """Run in plain mode from now on if a plain value is not the one that the graphs have."""
        changed = values.change()
        if not changed:
            return

        warnings.warn(
            f"the program runs as plain Pyro from now on, several times slower, because {changed} "
            "was changed between two calls; keep that value in a tensor, such as a buffer",
            stacklevel=stack_level(),
        )
        self._values = None
        self.settle("plain")

    def _chooser(self) -> ModeChooser:
        """Return the rules by which the mode is chosen."""
        return ModeChooser(
            function=self.function,
            mode=self.compile,
            trial=self._trial,
            overwrite=self.overwrite,
            rows=self.rows,
            compiles=self.compiles,
            repetition=self.repetition,
            workers=self.workers,
        )
