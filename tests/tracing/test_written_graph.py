"""A graph that was written and read is the same graph."""

import pickle

import torch

from zoo.tracing.graph import trace
from zoo.tracing.written_graph import read, written


def program(x):
    powers = 1 << torch.arange(3)
    chosen = torch.where(x > float("-inf"), x, 0.0)
    values, _ = torch.cat([chosen, x @ x.T], -1).max(-1)

    return (
        torch.rand_like(x, memory_format=torch.contiguous_format),
        powers.sum(),
        values,
    )


def test_a_graph_that_was_written_and_read_is_the_same():
    x = torch.randn(4, 4)
    module = trace(program, [x]).module
    again = read(pickle.loads(pickle.dumps(written(module))))
    assert again.code == module.code

    results = []
    for graph in (module, again):
        torch.manual_seed(0)
        results.append(graph.forward(x))
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)
