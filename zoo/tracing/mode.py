"""The mode in which a program runs: chosen by the calls to come and by measurement."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from zoo.runtime.caller import stack_level
from zoo.tracing.checked_trace import checked_trace, first_line
from zoo.tracing.compiled import compile_graph
from zoo.tracing.compiling.captured import Captured
from zoo.tracing.graphs.graph import Function, TracedGraph, of_inputs, trace
from zoo.tracing.graphs.repetition import ONCE, Repetition
from zoo.tracing.trial import Trial

_MODES = ("auto", "plain", "traced", "compiled", "captured")
_FEW = 30  # calls below which a program is not traced, which takes as long as ten calls

# The seconds that a compiler takes, known to a factor of two: 5 for 194 operations, 20 to
# 40 for 500. What it saves is a part of the seconds in fusible operations.
_WAIT = 2.0
_WAIT_PER_NODE = 0.05
_SAVED = 0.7
_SAVED_PER_STEP = 4e-5  # seconds of Python at each step, where the loop is compiled too
_TIE = 1.25  # ratio of seconds below which two modes are equally fast
_STEPS_OF_TRIAL = 4  # of a repeated step


def mode_name(compile: bool | str) -> str:
    """Return the name of a mode: True is "compiled" and False is "traced".

    Raises:
        ValueError: A mode that does not exist.
    """
    names_of_flags: dict[bool | str, str] = {True: "compiled", False: "traced"}
    mode = names_of_flags.get(compile, compile)
    if mode not in _MODES:
        names = ", ".join(_MODES)
        raise ValueError(
            f"compile must be True, False or one of {names}, not {compile!r}"
        )

    return mode


class ModeChoice(NamedTuple):
    """A function to run, and its mode."""

    run: Function
    mode: str


@dataclass(frozen=True)
class ModeChooser:
    """Chooses the mode in which a program runs.

    Arguments:
        function: The program, a function of tensors that returns a tuple of tensors.
        mode: One of the modes; "auto" chooses by the number of calls and by measurement.
        trial: Runs the program without lasting effects.
        overwrite: Whether a call may write over the results of the one before.
        rows: Number of rows to compile for; None compiles for all.
        compiles: Whether the graph may be compiled.
        repetition: How the program repeats its step; `function` is the step.
        workers: Number of threads, each of which takes other rows.
    """

    function: Function
    mode: str
    trial: Trial
    overwrite: bool
    rows: int | None
    compiles: bool = True
    repetition: Repetition = ONCE
    workers: int = 1

    def choose(self, inputs: Sequence[Tensor], calls: float) -> ModeChoice:
        """Choose the mode for inputs of these shapes.

        Arguments:
            inputs: The inputs of the present call.
            calls: Number of steps to come with inputs of these shapes.
        """
        is_auto = self.mode == "auto"
        plain = self._of_step(self.function, "plain")
        if self.mode == "plain" or (is_auto and calls < _FEW):
            return plain

        of_step = self.repetition.first(inputs)
        graph = checked_trace(self.function, of_step, self.trial)
        if graph is None:
            return plain

        run = of_inputs(graph.run, graph.captured)
        on_cuda = any(tensor.is_cuda for tensor in (*inputs, *graph.captured))
        if self.mode == "captured" or (is_auto and on_cuda):
            return self._capture(run, of_step, on_cuda)

        traced = self._of_step(run, "traced")
        if self.mode == "traced" or not self.compiles:
            return traced

        if not self._repays(graph, of_step, calls):
            return traced

        compiled = self._compile(graph, inputs)
        if compiled is None:
            return traced

        if is_auto and not self._is_faster(compiled, traced, inputs):
            return traced

        return compiled

    def _of_step(self, step: Function, mode: str) -> ModeChoice:
        """Return the function of all steps, taken in turn."""
        return ModeChoice(self.repetition.in_python(step), mode)

    def _capture(
        self, step: Function, inputs: Sequence[Tensor], on_cuda: bool
    ) -> ModeChoice:
        """Capture the graph in a CUDA graph; in auto mode, warn and fall back if that fails."""
        if not on_cuda:
            raise ValueError(
                "compile='captured' needs tensors on CUDA; write compile='auto'"
            )

        try:
            with self.trial.undone():
                captured = Captured(step, inputs, self.overwrite)
        except RuntimeError as error:  # e.g. an operation that waits for the device
            if self.mode == "captured":
                raise

            reason = first_line(error)
            _warn(f"running without a CUDA graph, several times slower: {reason}")
            return self._of_step(step, "traced")

        return self._of_step(captured, "captured")

    def _compile(
        self, graph: TracedGraph, inputs: Sequence[Tensor]
    ) -> ModeChoice | None:
        """Compile the graph; in auto mode, warn and return nothing if that fails."""
        rows = self.rows
        repetition = self.repetition
        try:
            with self.trial.undone():
                if rows and rows < len(inputs[0]):
                    few = repetition.few_rows(inputs, rows)
                    graph_of_few = trace(self.function, repetition.first(few))
                    run = compile_graph(graph_of_few, few, repetition)
                    run = repetition.by_rows(run, rows, self.workers)
                else:
                    run = compile_graph(graph, inputs, repetition)
        except Exception as error:  # no compiler, or one that cannot build this graph
            if self.mode == "compiled":
                raise

            reason = first_line(error)
            _warn(f"running without a compiler, several times slower: {reason}")
            return None

        return ModeChoice(run, "compiled")

    def _repays(
        self, graph: TracedGraph, inputs: Sequence[Tensor], calls: float
    ) -> bool:
        """Return whether to compile the graph of a step for a number of steps."""
        if self.mode == "compiled":
            return True

        return calls >= _FEW and calls * self._gain(graph, inputs) >= 1

    def _gain(self, graph: TracedGraph, inputs: Sequence[Tensor]) -> float:
        """Return the seconds that compiling saves at each step, divided by those that it takes."""
        saved = _SAVED * self.trial.seconds_fusible(graph, inputs)
        saved += _SAVED_PER_STEP * self.repetition.repeats
        num_nodes = len(graph.graph.nodes)

        return saved / (_WAIT + _WAIT_PER_NODE * num_nodes)

    def _is_faster(
        self, one: ModeChoice, other: ModeChoice, inputs: Sequence[Tensor]
    ) -> bool:
        """Return whether one mode is not clearly slower than another by measurement.

        Near a tie it does not follow the measurement, which differs from run to run.
        """
        inputs = self.repetition.shortened(inputs, _STEPS_OF_TRIAL)
        seconds = self.trial.seconds(one.run, inputs)
        seconds_of_other = self.trial.seconds(other.run, inputs)

        return seconds < _TIE * seconds_of_other


def _warn(message: str) -> None:
    """Warn at the user's statement."""
    warnings.warn(message, stacklevel=stack_level())
