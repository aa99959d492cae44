"""The graph of a program: its inputs, draws, writes and refusals, and equal bits after merging."""

import linecache

import pytest
import torch
from torch import nn
from torch.func import grad_and_value, vmap

from zoo.runtime.caller import stack_level, statement
from zoo.tracing.graphs.graph import trace
from zoo.tracing.graphs.simplify import _BIG

aten = torch.ops.aten
W = torch.randn(3, 2)


def run(traced, *inputs):
    with torch.no_grad():
        return traced.run(*inputs, *traced.captured)


def count(traced, *targets):
    return sum(node.target in targets for node in traced.graph.nodes)


def equal_after_seeding(function, traced, *inputs):
    torch.manual_seed(5)
    expected = function(*inputs)
    torch.manual_seed(5)
    found = run(traced, *inputs)
    return all(map(torch.equal, found, expected))


def test_a_graph_reads_later_values_of_captured_tensors():
    weight = nn.Parameter(W.clone())
    bias = torch.zeros(3)
    traced = trace(lambda x: (x @ weight.t() + bias,), [torch.ones(4, 2)])
    assert {id(tensor) for tensor in traced.captured} == {id(weight), id(bias)}
    with torch.no_grad():
        weight.mul_(2.0)
        bias.add_(1.0)
    x = torch.randn(4, 2)
    assert torch.equal(run(traced, x)[0], x @ weight.t() + bias)


def test_a_tensor_given_twice_is_two_inputs():
    one, two = torch.tensor([1.0]), torch.tensor([2.0])
    graph = trace(lambda a, b: (a - b,), (one, one))
    assert graph.run(two, one)[0] == 1


def test_gradients_are_part_of_the_graph():
    weight = nn.Parameter(W.clone())

    def function(x):
        loss = (x @ weight.t()).tanh().square().sum()
        return loss, *torch.autograd.grad(loss, [weight])

    traced = trace(function, [torch.ones(4, 2)])
    x = torch.randn(4, 2)
    assert equal_after_seeding(function, traced, x)
    assert not run(traced, x)[1].requires_grad


def test_gradients_of_many_chains_are_part_of_the_graph():
    function = vmap(
        grad_and_value(lambda q: (q.cos() * torch.randn_like(q)).sum()),
        randomness="different",
    )
    traced = trace(lambda q: function(q), [torch.zeros(5, 3)])
    q = torch.randn(5, 3)
    assert equal_after_seeding(function, traced, q)


@pytest.mark.parametrize(
    "draw",
    [
        torch.randn_like,
        torch.rand_like,
        lambda x: torch.normal(x, x.abs() + 1),
        lambda x: torch.bernoulli(x.sigmoid()),
        lambda x: torch.empty_like(x).normal_(),
        lambda x: torch.nn.functional.dropout(x, 0.5),
        lambda x: torch._standard_gamma(x.abs() + 1),
        lambda x: torch.randn(len(x)),
        lambda x: torch.randperm(100).float(),
    ],
)
def test_every_run_and_every_statement_draws_new_numbers(draw):
    x = torch.randn(50)
    traced = trace(lambda x: (draw(x), draw(x)), [x])
    one, other = run(traced, x)
    third, _ = run(traced, x)
    assert not torch.equal(one, other)
    assert not torch.equal(one, third)
    assert equal_after_seeding(lambda x: (draw(x), draw(x)), traced, x)


def test_an_unused_draw_is_drawn_as_well():
    def function(x):
        torch.randn(7)
        return (x + torch.randn(3),)

    assert equal_after_seeding(
        function, trace(function, [torch.zeros(3)]), torch.ones(3)
    )


def test_a_repeated_operation_is_computed_once():
    def function(x):
        return ((x.exp() + x.exp().detach()) * x.exp().view(3), x.exp())

    traced = trace(function, [torch.zeros(3)])
    # the second is returned, and the caller may write to it
    assert count(traced, aten.exp.default) == 2
    assert count(traced, aten.detach.default, aten.view.default) == 0
    assert equal_after_seeding(function, traced, torch.randn(3))


def test_an_operation_is_repeated_after_a_write_to_its_argument():
    def function(x):
        a, b = x.clone(), x.clone()
        before = a.exp()
        a[1:].add_(1.0)
        return before + a.exp() + b.exp(), a, b

    assert equal_after_seeding(
        function, trace(function, [torch.zeros(3)]), torch.randn(3)
    )


def test_undeclared_views_are_views():
    def function(x):
        whole = x.clone()
        before = whole.exp()
        torch.unsafe_split(whole, 1)[0].add_(1.0)
        return (before + whole.exp(),)

    assert equal_after_seeding(
        function, trace(function, [torch.zeros(3)]), torch.randn(3)
    )


def test_a_captured_tensor_is_read_again_after_a_write():
    buffer = torch.zeros(3)
    window = buffer[1:]

    def function(x):
        before = window.exp()
        buffer.add_(x)
        return before, window.exp(), x.exp()

    traced = trace(function, [torch.ones(3)])
    buffer.zero_()
    expected = function(torch.ones(3))
    buffer.zero_()
    for one, other in zip(expected, run(traced, torch.ones(3)), strict=True):
        assert torch.equal(one, other)
    assert torch.equal(buffer, torch.ones(3))


def test_undeclared_writes_of_batch_norm_are_writes():
    layer = nn.BatchNorm1d(2)
    x = torch.randn(6, 2)
    twin = nn.BatchNorm1d(2)
    traced = trace(lambda x: (layer(x) + layer(x),), [x])
    layer.load_state_dict(twin.state_dict())
    expected = twin(x) + twin(x)
    assert torch.equal(run(traced, x)[0], expected)
    for name, value in twin.state_dict().items():
        assert torch.equal(value, layer.state_dict()[name]), name
    assert layer.num_batches_tracked == 2


def test_a_big_result_is_computed_again_rather_than_kept():
    def twice(x):
        early = (x * 2.0).sum()
        return (early + (x * 2.0).cos().sum(),)

    assert count(trace(twice, [torch.ones(_BIG // 4)]), aten.mul.Tensor) == 2
    assert count(trace(twice, [torch.ones(_BIG // 4 - 1)]), aten.mul.Tensor) == 1


def test_a_literal_is_the_same_at_every_run():
    def function(x):
        total = torch.tensor(1.0)
        total.add_(x.sum())
        return (total * torch.tensor([1.0, 2.0]).max().item(),)

    traced = trace(function, [torch.zeros(2)])
    for _ in range(2):
        assert equal_after_seeding(function, traced, torch.ones(2))


@pytest.mark.parametrize(
    "read",
    [
        lambda x: x.sum().item(),
        lambda x: float(W.sum()),
        lambda x: 1.0 if (x > 0).any() else 2.0,
        lambda x: x[x > 0].sum(),
        lambda x: x.nonzero().sum(),
        lambda x: float(torch.zeros(2).copy_(x).sum()),
        lambda x: 1.0 if torch.equal(x, x) else 2.0,
    ],
)
def test_a_value_read_from_a_tensor_is_refused_with_its_statement(read):
    with pytest.raises(RuntimeError, match="which a graph cannot do") as caught:
        trace(lambda x: (x * read(x),), [torch.ones(2)])
    number = read.__code__.co_firstlineno
    line = linecache.getline(__file__, number).strip()
    assert statement(caught.value) == f"test_graph.py, line {number}, `{line}`"


def test_the_level_of_a_warning_is_that_of_the_user():
    assert stack_level() == 1  # this file belongs to no library
