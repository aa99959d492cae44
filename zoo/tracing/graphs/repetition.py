"""A step that a program takes many times in one call."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from operator import getitem
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.fx import Graph, GraphModule

from zoo.runtime.threads import at_the_same_time
from zoo.tracing.graphs.graph import Function

_CLONE = torch.ops.aten.clone.default


class StepInputs(NamedTuple):
    """The inputs of a repeated step, by kind.

    Arguments:
        carried: What each step passes on to the next one.
        given: What each step is given, (K, ...) each: a row for every step.
        constant: What is the same at all steps.
    """

    carried: tuple[Any, ...]
    given: tuple[Any, ...]
    constant: tuple[Any, ...]


class Repetition(NamedTuple):
    r"""Says how a program repeats its step.

    .. math:: (s_k, r_k) = f(s_{k-1}, x_k, c), \qquad
        (s_0, x_1 \ldots x_K, c) \mapsto (s_K, r_1 \ldots r_K)

    The inputs of the step are those that it carries on, those that it is given, and
    constants. It returns what it carries on, and what is to be recorded of it.

    Without given inputs there is one step, whose inputs and results are all constants.

    Arguments:
        num_carried: Number of inputs that are carried on.
        num_given: Number of inputs of which every step has its own.
    """

    num_carried: int = 0
    num_given: int = 0

    @property
    def repeats(self) -> bool:
        """Whether there may be several steps."""
        return self.num_given > 0

    def split(self, inputs: Sequence[Any]) -> StepInputs:
        """Return inputs by kind."""
        end = self.num_carried + self.num_given
        carried = tuple(inputs[: self.num_carried])
        given = tuple(inputs[self.num_carried : end])

        return StepInputs(carried, given, tuple(inputs[end:]))

    def num_steps(self, inputs: Sequence[Tensor]) -> int:
        """Return the number of steps K."""
        return len(inputs[self.num_carried]) if self.repeats else 1

    def first(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Return the inputs of the first step."""
        carried, given, constant = self.split(inputs)

        return [*carried, *[rows[0] for rows in given], *constant]

    def shortened(self, inputs: Sequence[Tensor], num_steps: int) -> list[Tensor]:
        """Return the inputs of the first steps."""
        carried, given, constant = self.split(inputs)

        return [*carried, *[rows[:num_steps] for rows in given], *constant]

    def in_python(self, step: Function) -> Function:
        """Return a function that takes all steps in turn."""
        if not self.repeats:
            return step

        def run(*inputs: Tensor) -> tuple[Tensor, ...]:
            carried, given, constant = self.split(inputs)

            recorded = []
            for rows in zip(*given, strict=True):
                results = step(*carried, *rows, *constant)
                carried = results[: self.num_carried]
                recorded.append(results[self.num_carried :])

            stacked = map(torch.stack, zip(*recorded, strict=True))

            return *carried, *stacked

        return run

    def in_graph(self, step: GraphModule, num_inputs: int) -> GraphModule:
        """Return a graph that takes all steps.

        Arguments:
            step: The graph of a step.
            num_inputs: Number of its inputs.

        Raises:
            AttributeError: This torch has no loops in graphs.
        """
        body = _with_own_results(step)
        graph = Graph()
        inputs = [graph.placeholder(f"input_{k}") for k in range(num_inputs)]
        carried, given, constant = self.split(inputs)

        loop = torch.ops.higher_order.scan
        attribute = graph.get_attr("step")
        arguments = (attribute, list(carried), list(given), constant)
        results = graph.call_function(loop, arguments)

        num_results = len(body.graph.output_node().args[0])
        parts = []
        for number in range(num_results):
            parts.append(graph.call_function(getitem, (results, number)))

        graph.output(tuple(parts))

        return GraphModule({"step": body}, graph)

    def by_rows(self, function: Function, rows: int, workers: int = 1) -> Function:
        """Return a function that takes all steps for a few rows of the inputs at a time.

        Arguments:
            function: A function of all steps, and of each of the rows on its own: the second
                dimension of what is given and recorded, the first one of the others.
            rows: Number of rows at a time.
            workers: Number of threads, each of which takes other rows.
        """

        def run(*inputs: Tensor) -> tuple[Tensor, ...]:
            splits = []
            for tensor, dim in zip(inputs, self._dims(len(inputs)), strict=True):
                splits.append(tensor.split(rows, dim))

            parts = list(zip(*splits, strict=True))
            results = []
            for begin in range(0, len(parts), workers):
                together = parts[begin : begin + workers]
                results += at_the_same_time(function, together)

            joined = []
            for number, parts in enumerate(zip(*results, strict=True)):
                is_recorded = self.repeats and number >= self.num_carried
                joined.append(torch.cat(parts, 1 if is_recorded else 0))

            return tuple(joined)

        return run

    def few_rows(self, inputs: Sequence[Tensor], rows: int) -> list[Tensor]:
        """Return the inputs for the first few rows."""
        few = []
        for tensor, dim in zip(inputs, self._dims(len(inputs)), strict=True):
            few.append(tensor.narrow(dim, 0, rows))

        return few

    def _dims(self, number: int) -> list[int]:
        """Return which dimension of each input has the rows."""
        num_constant = number - self.num_carried - self.num_given

        return [0] * self.num_carried + [1] * self.num_given + [0] * num_constant


ONCE = Repetition()


def _with_own_results(step: GraphModule) -> GraphModule:
    """Return a step none of whose results is an input or another result, as a loop asks."""
    copy = deepcopy(step)
    output = copy.graph.output_node()

    with copy.graph.inserting_before(output):
        clones = []
        for value in output.args[0]:
            clones.append(copy.graph.call_function(_CLONE, (value,)))

    output.args = (tuple(clones),)
    copy.recompile()

    return copy
