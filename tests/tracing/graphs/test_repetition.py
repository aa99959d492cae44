"""A step that is taken many times in one call: in Python, as a graph and as a compiled loop."""

import pytest
import torch

from zoo.tracing.compiled import compile_graph
from zoo.tracing.graphs.graph import trace
from zoo.tracing.graphs.repetition import Repetition
from zoo.tracing.traced import Traced

# two carried inputs, one given at every step, one constant
REPETITION = Repetition(num_carried=2, num_given=1)
SCALE = torch.tensor([0.5, 1.0, 2.0])
# torch's compiler warns about itself
QUIET = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")


def step(q, p, noise, size):
    """Return q and p after a step, and what is recorded: q, and a sum for every row."""
    p = p - size[:, None] * (q * SCALE).sin() + 0.1 * noise
    q = q + size[:, None] * p
    return q, p, q, (q * p).sum(-1)


def inputs(num_steps, rows=4):
    torch.manual_seed(num_steps)
    q, p = torch.randn(2, rows, 3)
    return q, p, torch.randn(num_steps, rows, 3), torch.linspace(0.1, 0.3, rows)


def in_turn(q, p, noise, size):
    """Take the steps one by one."""
    recorded = []
    for row in noise:
        q, p, *new = step(q, p, row, size)
        recorded.append(new)
    return q, p, *map(torch.stack, zip(*recorded, strict=True))


def assert_close(found, expected):
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


@QUIET
@pytest.mark.parametrize("mode", ["plain", "traced", "compiled"])
def test_any_number_of_steps_gives_what_single_steps_give(mode):
    run = Traced(step, compile=mode, repetition=REPETITION)
    for num_steps in (1, 5, 12, 4, 3):  # four is also the number of rows
        assert_close(run(*inputs(num_steps)), in_turn(*inputs(num_steps)))
    assert run.how == mode
    assert run.done == 25


@QUIET
def test_a_compiled_loop_reads_later_values_and_keeps_its_inputs():
    run = Traced(step, compile="compiled", repetition=REPETITION)
    q, p, noise, size = inputs(6)
    before = q.clone()
    run(q, p, noise, size)
    assert torch.equal(q, before)
    SCALE.mul_(3.0)
    try:
        assert_close(run(q, p, noise, size), in_turn(q, p, noise, size))
        # the first two inputs are one tensor now
        assert_close(run(q, q, noise, size), in_turn(q, q, noise, size))
    finally:
        SCALE.div_(3.0)
    assert torch.equal(q, before)


@QUIET
def test_the_loop_is_compiled_for_a_few_rows_at_a_time():
    run = Traced(step, compile="compiled", repetition=REPETITION, rows=2)
    for num_steps in (2, 7):
        assert_close(run(*inputs(num_steps, 6)), in_turn(*inputs(num_steps, 6)))
    assert run.how == "compiled"


@QUIET
def test_the_loop_itself_is_in_the_program(monkeypatch):
    def without(repetition, function):
        raise AssertionError("the steps are taken in Python")

    monkeypatch.setattr(Repetition, "in_python", without)
    with pytest.raises(AssertionError, match="in Python"):
        Traced(step, compile="traced", repetition=REPETITION)(*inputs(3))
    graph = trace(step, REPETITION.first(inputs(3)))
    program = compile_graph(graph, inputs(3), REPETITION)
    assert_close(program(*inputs(9)), in_turn(*inputs(9)))


@QUIET
def test_threads_that_take_other_rows_give_the_same_bits():
    results = []
    for workers in (1, 2, 3):
        options = {"rows": 2, "workers": workers}
        run = Traced(step, compile="compiled", repetition=REPETITION, **options)
        results.append(run(*inputs(5, 8)))
    for other in results[1:]:
        assert all(map(torch.equal, other, results[0]))
