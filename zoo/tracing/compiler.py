"""Torch's compiler with the settings of the zoo: quick to begin, and once for all processes."""

from __future__ import annotations

import copyreg
import hashlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule

from zoo.tracing.bare import bare
from zoo.tracing.compiler_cache import despite_damage, use_writable_folder
from zoo.tracing.graph import Function
from zoo.tracing.repetition import ONCE, Repetition
from zoo.tracing.varying import likenesses

_SETTINGS = {
    "fallback_random": True,  # the random numbers of the graph, not of the compiler
    "size_asserts": False,  # which check every input at every call
    "alignment_asserts": False,
    # few channels of an image, channels last, fill a third of a vector register
    "layout_optimization": False,
    # the processor says which vectors it has; a test program for each takes seconds
    "cpp.vec_isa_ok": True,
}
# a graph as one C++ program without Python between its kernels: half the time of g++, and a
# call is faster. Its headers are compiled with it, as in advance they would take as long.
_ONE_PROGRAM = {"cpp_wrapper": True, "cpp_cache_precompile_headers": False}
# what is read by index, such as the effect of a group, would be computed again at every read
_READ_BY_INDEX = {"realize_reads_threshold": 1, "realize_opcount_threshold": 10}
_LOOP = "torch.ops.higher_order.scan"
_INDEXING = {
    torch.ops.aten.index.Tensor,
    torch.ops.aten.index_select.default,
    torch.ops.aten.gather.default,
}


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
        _check_compiler()
        try:
            task = partial(_compile, module, inputs, _ONE_PROGRAM, repetition)
            return despite_damage(task)
        except Exception:  # an operation that cannot be called from C++ without Python
            pass

    one = repetition.first(inputs)
    step = despite_damage(partial(_compile, module, one, {}))

    return repetition.in_python(step)


def compiler() -> tuple[Callable[..., Function], ModuleType]:
    """Import torch's compiler and its settings, which takes seconds, without warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch._inductor import compile as inductor
        from torch._inductor import config

    return inductor, config


def _compile(
    module: GraphModule,
    inputs: Sequence[Tensor],
    settings: dict[str, Any],
    repetition: Repetition = ONCE,
) -> Function:
    """Compile a graph with more settings, and run it once."""
    inductor, config = compiler()
    if any(node.target in _INDEXING for node in module.graph.nodes):
        settings = settings | _READ_BY_INDEX

    if repetition.repeats:
        settings = settings | _kept(module)

    known = {}
    for name, value in (_SETTINGS | settings).items():
        if "." in name or hasattr(config, name):  # an older version lacks some
            known[name] = value

    with (
        torch.no_grad(),
        config.patch(known),
        warnings.catch_warnings(),
        _layouts_by_name(),
        _shapes(inputs, repetition) as examples,
    ):
        warnings.simplefilter("ignore")  # warnings about the compiler itself
        if repetition.repeats:
            module = repetition.in_graph(module, len(inputs))

        # the graph is complete: without Dynamo's guards a call costs a third less
        run = inductor(module, examples)

        return bare(run, inputs)


def _kept(step: GraphModule) -> dict[str, Any]:
    """Return the setting that keeps a compiled loop on disk, under the code of its step.

    Without it every process compiles its loops again.

    Arguments:
        step: The graph of a step.
    """
    code = hashlib.sha256(step.code.encode()).hexdigest()

    return {"unsafe_marked_cacheable_functions": {_LOOP: f"{torch.__version__} {code}"}}


@contextmanager
def _layouts_by_name() -> Iterator[None]:
    """Pickle layouts such as `torch.contiguous_format` by their names.

    The compiler finds a program on disk by what pickle makes of its inputs. Pickle itself
    writes the first module that has imported torch, which is another one in each script.
    """
    before = copyreg.dispatch_table.get(torch.memory_format)
    copyreg.pickle(torch.memory_format, _name_of_layout)
    try:
        yield
    finally:
        del copyreg.dispatch_table[torch.memory_format]
        if before is not None:
            copyreg.dispatch_table[torch.memory_format] = before


def _name_of_layout(layout: torch.memory_format) -> tuple[Any, tuple[str]]:
    return _layout, (str(layout).removeprefix("torch."),)


def _layout(name: str) -> torch.memory_format:
    return getattr(torch, name)


def _check_compiler() -> None:
    """Raise the compiler's error early if there is no C++ compiler."""
    from torch._inductor.cpp_builder import get_cpp_compiler

    get_cpp_compiler()


@contextmanager
def _shapes(inputs: Sequence[Tensor], repetition: Repetition) -> Iterator[list[Tensor]]:
    """Say which shapes may vary: the number of steps only; without a word nothing is kept on disk.

    It yields the inputs, or likenesses of them if there may be several steps.
    """
    from torch._guards import TracingContext, tracing
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.fx.experimental.symbolic_shapes import ShapeEnv

    shapes = ShapeEnv(assume_static_by_default=True)
    mode = FakeTensorMode(shape_env=shapes, allow_non_fake_inputs=True)
    examples = list(inputs)
    if repetition.repeats:
        examples = likenesses(mode, inputs, repetition)

    with tracing(TracingContext(mode)):
        yield examples
