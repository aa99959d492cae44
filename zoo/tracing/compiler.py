"""Torch's compiler with the settings of the zoo: quick to begin, and once for all processes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule

from zoo.tracing.compiler_cache import despite_damage, use_writable_folder
from zoo.tracing.graph import Function

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


def compile_module(module: GraphModule, inputs: Sequence[Tensor]) -> Function:
    """Compile a graph for inputs of these shapes, and run it once.

    What the compiler makes is kept in its folder, `cache_folder`, so that the next process
    with the same graph loads it.

    Arguments:
        module: A graph of aten's operations.
        inputs: All of its inputs.

    Raises:
        Exception: Any error of the compiler; most often there is no C++ compiler.
    """
    use_writable_folder()
    is_on_cpu = not any(tensor.is_cuda for tensor in inputs)
    if is_on_cpu:
        _check_compiler()
        try:
            return despite_damage(partial(_compile, module, inputs, _ONE_PROGRAM))
        except Exception:  # an operation that cannot be called from C++ without Python
            pass

    return despite_damage(partial(_compile, module, inputs, {}))


def compiler() -> tuple[Callable[..., Function], ModuleType]:
    """Import torch's compiler and its settings, which takes seconds, without warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch._inductor import compile as inductor
        from torch._inductor import config

    return inductor, config


def _compile(
    module: GraphModule, inputs: Sequence[Tensor], settings: dict[str, Any]
) -> Function:
    """Compile a graph with more settings, and run it once."""
    inductor, config = compiler()
    known = {}
    for name, value in (_SETTINGS | settings).items():
        if "." in name or hasattr(config, name):  # an older version lacks some
            known[name] = value

    with (
        torch.no_grad(),
        config.patch(known),
        warnings.catch_warnings(),
        _fixed_shapes(),
    ):
        warnings.simplefilter("ignore")  # warnings about the compiler itself
        # the graph is complete: without Dynamo's guards a call costs a third less
        run = inductor(module, list(inputs))
        run(*inputs)

    return run


def _check_compiler() -> None:
    """Raise the compiler's error early if there is no C++ compiler."""
    from torch._inductor.cpp_builder import get_cpp_compiler

    get_cpp_compiler()


@contextmanager
def _fixed_shapes() -> Iterator[None]:
    """Say which shapes may vary, namely none; without a word on it nothing is kept on disk."""
    from torch._guards import TracingContext, tracing
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.fx.experimental.symbolic_shapes import ShapeEnv

    mode = FakeTensorMode(shape_env=ShapeEnv(assume_static_by_default=True))
    with tracing(TracingContext(mode)):
        yield
