"""A graph as a function of Python: equal bits of each operation, and memory of results."""

import gc
import math
import weakref

import pytest
import torch
from torch.fx import Graph

from zoo.tracing.graphs.graph import trace
from zoo.tracing.graphs.python_function import (
    FUNCTIONS,
    METHODS,
    function_of,
    python_function,
)

aten = torch.ops.aten
X = torch.rand(3, 4) + 0.1
Y = torch.rand(3, 4) + 0.1
Z = torch.rand(4, 3)
BITS, OTHER_BITS = X > 0.5, Y > 0.5
BATCH = torch.rand(2, 3, 4)
INDEX = torch.tensor([2, 0])
COLUMNS = torch.tensor([[0], [3], [1]])

OF_ONE = """
    abs all any clone empty_like exp expm1 log log1p mean nan_to_num neg ones_like
    reciprocal relu rsqrt sgn sigmoid sign sqrt sum t tanh tril zeros_like
"""
OF_TWO = "add div eq floor_divide ge gt le logaddexp lt mul ne remainder sub"
WITH_A_NUMBER = "add div eq ge gt le lt mul ne remainder rsub sub"
SAMPLES = {
    **{name: (X,) for name in OF_ONE.split()},
    **{name: (X, Y) for name in OF_TWO.split()},
    **{f"{name} a number": (X, 0.7) for name in WITH_A_NUMBER.split()},
    "addcmul": (X, Y, Y),
    "addmm": (X[0, :3], X, Z),
    "all of a row": (BITS, 1),
    "any of a row": (BITS, 1, True),
    "as_strided": (X, [2, 2], [1, 4], 1),
    "bitwise_and": (BITS, OTHER_BITS),
    "bitwise_not": (BITS,),
    "bitwise_or": (BITS, OTHER_BITS),
    "bmm": (BATCH, BATCH.mT),
    "cat": ([X, Y], 1),
    "clamp": (X, 0.2, 0.6),
    "clamp_max": (X, 0.4),
    "clamp_min": (X, 0.4),
    "cumsum": (X, 1),
    "diagonal": (BATCH, 0, 1, 2),
    "dot": (X[0], Y[0]),
    "expand": (X, [2, 3, 4]),
    "flip": (X, [0]),
    "full_like": (X, 2.5),
    "gather": (X, 1, COLUMNS),
    "index_add": (X, 0, INDEX, Y[:2]),
    "index_select": (X, 0, INDEX),
    "logical_and": (BITS, OTHER_BITS),
    "logsumexp": (X, [1], True),
    "masked_fill": (X, BITS, 3.0),
    "mean of rows": (X, [1]),
    "mm": (X, Z),
    "new_zeros": (X, [2]),
    "permute": (BATCH, [2, 0, 1]),
    "pow": (X, 2),
    "pow of tensors": (X, Y),
    "scatter_add": (X, 1, COLUMNS, Y),
    "select": (X, 0, 1),
    "split_with_sizes": (X, [1, 3], 1),
    "squeeze": (X[:, None], 1),
    "stack": ([X, Y], 1),
    "sum of rows": (X, [1], True),
    "transpose": (BATCH, 0, 2),
    "unbind": (X, 1),
    "unsqueeze": (X, 1),
    "view": (X, [2, 6]),
    "where": (BITS, X, Y),
}
WRITTEN = {name: (X, Y) for name in ("add_", "copy_", "div_", "mul_", "sub_")}
RANDOM = {"rand_like": (X,), "randn_like": (X,)}


def operation_of(name):
    """Return the overload of aten that takes the arguments of a sample."""
    arguments = {**SAMPLES, **WRITTEN, **RANDOM}[name]
    packet = getattr(aten, name.split()[0])
    for overload in packet.overloads():
        operation = getattr(packet, overload)
        try:
            torch.manual_seed(0)
            operation(*(copied(argument) for argument in arguments))
        except (RuntimeError, TypeError):
            continue
        return operation, arguments

    raise AssertionError(f"no overload of {name} takes {arguments}")


def copied(argument):
    return argument.clone() if torch.is_tensor(argument) else argument


def same(found, expected):
    """Return whether values, types and strides are equal."""
    if isinstance(expected, (list, tuple)):
        return all(map(same, found, expected))

    laid_out_alike = found.stride() == expected.stride()
    return found.dtype == expected.dtype and laid_out_alike and found.equal(expected)


def test_every_function_has_a_sample():
    names = {name.split()[0] for name in {**SAMPLES, **WRITTEN, **RANDOM}}
    assert names == FUNCTIONS | METHODS


@pytest.mark.parametrize("name", [*SAMPLES, *WRITTEN, *RANDOM])
def test_the_function_of_an_operation_gives_its_bits(name):
    operation, arguments = operation_of(name)
    results = []
    for function in (operation, function_of(operation)):
        torch.manual_seed(0)
        results.append(function(*map(copied, arguments)))

    assert function_of(operation) is not operation
    if name != "empty_like":
        assert same(*results)


def test_an_operation_without_a_function_is_called_itself():
    assert function_of(aten._to_copy.default) is aten._to_copy.default
    assert function_of(torch.add) is torch.add


def test_constants_of_every_kind_are_the_same():
    def function(x):
        y = x.to(torch.float64).clamp(-math.inf, 0.1 + 0.2)
        z = torch.full((2,), math.nan) + torch.arange(2, dtype=torch.float32)
        return y, z, torch.where(x > 0, 1e-300, x), x.sum(dim=(0, 1), keepdim=True)

    graph = trace(function, [X])
    found = graph.run(X, *graph.captured)
    for one, other in zip(found, function(X), strict=True):
        assert one.dtype == other.dtype
        torch.testing.assert_close(one, other, rtol=0, atol=0, equal_nan=True)


def test_a_result_is_forgotten_after_its_last_use():
    """Of a chain of results at most two are alive: one is read and one is made."""
    alive, most = weakref.WeakSet(), []

    def noted(x):
        result = x + 1
        alive.add(result)
        most.append(len(alive))
        return result

    graph = Graph()
    node = graph.placeholder("x")
    for _ in range(5):
        node = graph.call_function(noted, (node,))
    graph.output((node,))

    gc.collect()
    (result,) = python_function(graph)(X)
    assert result.allclose(X + 5)
    assert max(most) == 2
