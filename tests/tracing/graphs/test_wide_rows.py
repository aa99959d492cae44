"""Rows picked by index that get zeros at their ends: which, and with equal results."""

import pytest
import torch

from zoo.tracing.graphs.arithmetic import cheaper
from zoo.tracing.graphs.graph import trace

GROUPS, DATA = 7, 100
GROUP = torch.arange(DATA) % GROUPS
PAD = torch.ops.aten.constant_pad_nd.default


def both(function, *inputs):
    """Return the results of a function and of its cheaper graph, and how often that pads."""
    graph = trace(function, inputs)
    cheap = cheaper(graph.module, [*inputs, *graph.captured])
    found = cheap.module(*inputs, *graph.captured, *cheap.captured)
    count = sum(node.target is PAD for node in cheap.graph.nodes)
    return function(*inputs), found, count


def model(x, chains):
    """Return the logits of a hierarchical model, and the gradient of their squares."""

    def run(slopes):
        slopes = slopes.detach().requires_grad_()
        each = slopes[:, GROUP] if chains else slopes[GROUP]
        logits = (x * each).sum(-1)
        (gradient,) = torch.autograd.grad(logits.square().sum(), slopes)
        return logits.detach(), gradient

    return run


@pytest.mark.parametrize("chains", [0, 3])
@pytest.mark.parametrize("length", [2, 5])
def test_short_rows_are_padded_with_equal_results(length, chains):
    slopes = torch.randn(*([chains] if chains else []), GROUPS, length)
    expected, found, count = both(model(torch.randn(DATA, length), chains), slopes)
    assert count >= 2
    for one, other in zip(expected, found, strict=True):
        assert one.shape == other.shape
        assert torch.allclose(one, other, atol=1e-5)


def mean_over_data(slopes):
    return ((2 * slopes[GROUP]).sum(0),)


def kept_rows(slopes):
    return (slopes[GROUP] * slopes[GROUP],)


def sums_without_index(slopes):
    return ((slopes[None] * slopes[:, None]).sum(-1),)


def replaced_rows(slopes):
    return (torch.zeros(DATA, 5).index_put((GROUP,), slopes[GROUP] * slopes[GROUP]),)


def single_numbers(slopes):
    column = torch.arange(DATA) % 5
    return (slopes[GROUP, column].square(),)


@pytest.mark.parametrize(
    "function",
    [mean_over_data, kept_rows, sums_without_index, replaced_rows, single_numbers],
)
def test_other_operations_stay_as_they_are(function):
    expected, found, count = both(function, torch.randn(GROUPS, 5))
    assert count == 0
    assert torch.equal(expected[0], found[0])


@pytest.mark.parametrize(
    ("length", "dtype"), [(1, torch.float32), (16, torch.float32), (5, torch.float64)]
)
def test_other_rows_stay_as_they_are(length, dtype):
    slopes = torch.randn(GROUPS, length, dtype=dtype)
    expected, found, count = both(model(torch.randn(DATA, length).to(dtype), 0), slopes)
    assert count == 0
    for one, other in zip(expected, found, strict=True):
        assert torch.allclose(one, other)


def test_few_rows_stay_as_they_are():
    group = GROUP[:20]
    x = torch.randn(20, 5)
    *_, count = both(
        lambda slopes: ((x * slopes[group]).sum(-1),), torch.randn(GROUPS, 5)
    )
    assert count == 0
