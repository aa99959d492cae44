"""Compiled programs without torch's layers: where these do nothing, and only there."""

import pytest
import torch

from zoo.tracing.compiling import bare, kept
from zoo.tracing.compiling.compiler import compile_module
from zoo.tracing.graphs.graph import trace

# torch's compiler warns about itself
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")


def compiled(function, x):
    """Return a compiled function, and its inputs with what it reads besides."""
    graph = trace(function, [x])
    inputs = [x, *graph.captured]

    return compile_module(graph.module, inputs), inputs


def is_bare(program):
    return program.__module__ in (bare.__name__, kept.__name__)


@torch.no_grad()
def test_a_program_that_writes_to_its_inputs_has_no_layers():
    total = torch.zeros(3)

    def add(x):
        total.add_(x)
        return (total.sum(),)

    program, inputs = compiled(add, torch.ones(3))
    assert is_bare(program)

    total.zero_()
    version = total._version
    (result,) = program(*inputs)
    assert result == 3.0
    assert total.tolist() == [1.0, 1.0, 1.0]
    assert total._version == version + 1  # or autograd would not see the write


@torch.no_grad()
def test_a_view_of_an_input_keeps_the_layers_that_make_it():
    def halves(x):
        return x[:2], x.sum()

    x = torch.ones(3)
    program, inputs = compiled(halves, x)
    assert not is_bare(program)

    first, _ = program(*inputs)
    x.zero_()
    assert first.tolist() == [0.0, 0.0]
