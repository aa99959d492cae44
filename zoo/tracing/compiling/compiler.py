"""Torch's compiler with the settings of the zoo: quick to begin, and once for all processes."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from types import ModuleType
from typing import NamedTuple

import torch
from torch import Tensor
from torch.fx import GraphModule

from zoo.tracing.compiling.bare import BareProgram, bare
from zoo.tracing.compiling.compiler_cache import despite_damage, use_writable_folder
from zoo.tracing.compiling.headers import headers_compiled_once
from zoo.tracing.compiling.kept import keep, load, place_of
from zoo.tracing.compiling.loop_memory import made_once
from zoo.tracing.compiling.settings import settings_for
from zoo.tracing.compiling.shortcuts import shortcuts
from zoo.tracing.compiling.varying import likenesses
from zoo.tracing.graphs.graph import Function
from zoo.tracing.graphs.repetition import ONCE, Repetition

_one_at_a_time = threading.RLock()  # settings and classes are changed while it compiles


class _Compiled(NamedTuple):
    """A compiled function, and the program inside it if its layers do nothing."""

    run: Function
    inside: BareProgram | None

    def function(self) -> Function:
        """Return it without layers where they do nothing."""
        return self.run if self.inside is None else self.inside.function()


def compile_module(
    module: GraphModule, inputs: Sequence[Tensor], repetition: Repetition = ONCE
) -> Function:
    """Compile a graph for inputs of these shapes, and run it once.

    What the compiler makes is kept in its folder, `cache_folder`, so that the next process
    with the same graph loads it.

    Arguments:
        module: A graph of aten's operations, of one step.
        inputs: All of its inputs, of all steps.
        repetition: How the step is repeated; the loop is compiled with it on a CPU.

    Raises:
        Exception: Any error of the compiler; most often there is no C++ compiler.
    """
    use_writable_folder()
    is_on_cpu = not any(tensor.is_cuda for tensor in inputs)
    if is_on_cpu:
        kept = load(place_of(module, inputs, repetition))
        if kept is not None:
            return kept

        _check_compiler()
        try:
            return despite_damage(partial(_library, module, inputs, repetition))
        except Exception:  # an operation that cannot be called from C++ without Python
            pass

    one = repetition.first(inputs)
    step = despite_damage(partial(_compile, module, one))

    return repetition.in_python(step.function())


def compiler() -> tuple[Callable[..., Function], ModuleType]:
    """Import torch's compiler and its settings, which takes seconds, without warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch._inductor import compile as inductor
        from torch._inductor import config

    return inductor, config


def _library(
    module: GraphModule, inputs: Sequence[Tensor], repetition: Repetition
) -> Function:
    """Compile a graph as one C++ program, run it once, and keep it for the next process."""
    compiled = _compile(module, inputs, repetition, as_one_program=True)

    place = place_of(module, inputs, repetition)  # in a folder that may be new
    keep(place, compiled.inside)

    return load(place) or compiled.function()


def _compile(
    module: GraphModule,
    inputs: Sequence[Tensor],
    repetition: Repetition = ONCE,
    as_one_program: bool = False,
) -> _Compiled:
    """Compile a graph and run it once."""
    inductor, config = compiler()
    known = {}
    for name, value in settings_for(module, as_one_program).items():
        if "." in name or hasattr(config, name):  # an older version lacks some
            known[name] = value

    with (
        _one_at_a_time,
        torch.no_grad(),
        config.patch(known),
        headers_compiled_once() if as_one_program else nullcontext(),
        made_once(),
        shortcuts(),
        warnings.catch_warnings(),
        _shapes(inputs, repetition) as examples,
    ):
        warnings.simplefilter("ignore")  # warnings about the compiler itself
        if repetition.repeats:
            module = repetition.in_graph(module, len(inputs))

        # the graph is complete: without Dynamo's guards a call costs a third less
        run = inductor(module, examples)

        return _Compiled(run, bare(run, inputs))


def _check_compiler() -> None:
    """Raise the compiler's error early if there is no C++ compiler."""
    from torch._inductor.cpp_builder import get_cpp_compiler

    get_cpp_compiler()


@contextmanager
def _shapes(inputs: Sequence[Tensor], repetition: Repetition) -> Iterator[list[Tensor]]:
    """Say which shapes may vary: the number of steps only; without a word nothing is kept on disk.

    It yields likenesses of the inputs. Those of a single step share memory as the inputs do.
    """
    from torch._guards import TracingContext, tracing
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.fx.experimental.symbolic_shapes import ShapeEnv

    shapes = ShapeEnv(assume_static_by_default=True)
    mode = FakeTensorMode(shape_env=shapes, allow_non_fake_inputs=True)
    if repetition.repeats:
        examples = likenesses(mode, inputs, repetition)
    else:
        # the compiler's own likenesses would have sizes with names, such as s23
        examples = [mode.from_tensor(each, static_shapes=True) for each in inputs]

    with tracing(TracingContext(mode)):
        yield examples
