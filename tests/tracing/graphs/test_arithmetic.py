"""Cheaper operations: equal results to rounding, by fewer operations or ones that fuse."""

import pytest
import torch

from zoo.tracing.graphs.arithmetic import cheaper, product, tanh
from zoo.tracing.graphs.graph import trace

aten = torch.ops.aten


def test_tanh_is_exact_to_a_few_units_in_the_last_place():
    x = torch.cat(
        [torch.linspace(-10.0, 10.0, 200_001), torch.logspace(-20, 1, 20_001)]
    )
    exact = x.double().tanh()
    unit = torch.finfo(torch.float32).eps * exact.abs()
    error = (tanh(x).double() - exact).abs() / unit.clamp_min(1e-300)
    assert float(error.max()) < 4
    cubic = (x - x**3 / 3).double()  # a series is far off
    assert float((cubic - exact).abs().max()) > 1


def test_tanh_at_infinity_zero_and_nan():
    x = torch.tensor([torch.inf, -torch.inf, 0.0])
    assert torch.equal(tanh(x), torch.tensor([1.0, -1.0, 0.0]))
    assert bool(tanh(torch.tensor(torch.nan)).isnan())


FACTORS = {
    "shared": lambda: (
        torch.randn(1, 5, 3).expand(4, 5, 3),
        torch.randn(4, 2, 3).transpose(1, 2),
    ),
    "shared right": lambda: (
        torch.randn(4, 2, 5).transpose(1, 2),
        torch.randn(1, 2, 3).expand(4, 2, 3),
    ),
    "outer": lambda: (torch.randn(4, 5, 1), torch.randn(4, 1, 2)),
    "both": lambda: (torch.randn(1, 5, 1).expand(4, 5, 1), torch.randn(4, 1, 2)),
    "any": lambda: (torch.randn(4, 5, 3), torch.randn(4, 3, 2)),
    "one": lambda: (torch.randn(1, 5, 3), torch.randn(1, 3, 2)),
}


@pytest.mark.parametrize("name", FACTORS)
def test_products_of_matrices(name):
    left, right = FACTORS[name]()
    found = product(left, right)
    assert found.shape == (len(left), left.shape[1], right.shape[2])
    torch.testing.assert_close(found, aten.bmm.default(left, right))


def test_a_graph_keeps_its_results_with_cheaper_operations():
    x = torch.randn(6, 3)

    def network(w, v):  # four networks of one hidden layer at the same inputs
        return torch.bmm(torch.bmm(x.expand(4, 6, 3), w).tanh(), v), v.double().tanh()

    inputs = [torch.randn(4, 3, 5), torch.randn(4, 5, 2)]
    graph = trace(network, inputs)
    everything = [*inputs, *graph.captured]
    cheap = cheaper(graph.module, everything)
    found = cheap.run(*everything, *cheap.captured)
    for one, other in zip(found, network(*inputs), strict=True):
        torch.testing.assert_close(one, other)
    targets = [node.target for node in cheap.graph.nodes]
    assert targets.count(aten.mm.default) == 1
    assert targets.count(aten.bmm.default) == 1
    assert targets.count(aten.tanh.default) == 1  # the one in double precision is kept


def test_random_numbers_are_drawn_and_tensors_written_as_before():
    count = torch.zeros(())

    def function(x):
        count.add_(1)
        return (x.tanh() + torch.randn(3),)

    x = torch.randn(3)
    graph = trace(function, [x])
    everything = [x, *graph.captured]
    cheap = cheaper(graph.module, everything)
    before = int(count)
    torch.manual_seed(0)
    expected = graph.run(*everything)[0]
    torch.manual_seed(0)
    found = cheap.run(*everything, *cheap.captured)[0]
    torch.testing.assert_close(found, expected)
    assert int(count) == before + 2
