"""Compiling for a few rows at a time: their number, and equal results."""

import pytest
import torch
from torch.nn.functional import batch_norm

from zoo.tracing.compiled import CACHED, rows_at_once
from zoo.tracing.graphs.repetition import ONCE
from zoo.tracing.traced import Traced


@pytest.mark.parametrize(
    ("rows", "widest", "expected"),
    [
        (64, CACHED // 10, 8),  # ten fit, and the next divisor of 64 is eight
        (100, CACHED // 10, 10),
        # a prime: single rows would lose more than the cache saves
        (101, CACHED // 10, 101),
        (4, CACHED // 10, 4),
        (6, 2 * CACHED, 1),  # one row does not fit
        (5, 0, 5),  # the width is not known
        (1, CACHED, 1),
    ],
)
def test_the_rows_at_once_fit_into_the_cache(monkeypatch, rows, widest, expected):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert rows_at_once(rows, widest) == expected


def test_rows_run_in_order():
    sizes = []

    def function(x, y):
        sizes.append(len(x))
        return x + y, y.sum(-1)

    x, y = torch.randn(6, 2), torch.randn(6, 2)
    total, sums = ONCE.by_rows(function, 2)(x, y)
    assert sizes == [2, 2, 2]
    assert torch.equal(total, x + y)
    assert torch.equal(sums, y.sum(-1))


# torch's compiler warns about itself
@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_a_function_compiled_for_a_few_rows_takes_all_rows():
    shape = torch.zeros(())  # every row reads it

    def function(x):
        return x.tanh() + shape, x.square().sum(-1)

    x = torch.randn(6, 5)
    run = Traced(function, compile="compiled", rows=2)
    for number in range(2):
        for one, other in zip(run(x + number), function(x + number), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
    assert run.how == "compiled"
    shape.add_(1.0)
    torch.testing.assert_close(run(x)[0], function(x)[0], rtol=1e-5, atol=1e-5)


# torch's compiler warns about itself
@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_a_shift_without_a_scale_has_its_gradient_in_single_precision():
    shift = torch.zeros(3, requires_grad=True)

    def function(x):
        with torch.enable_grad():
            h = batch_norm(x.bfloat16(), None, None, None, shift, training=True)
            loss = h.float().square().sum() + h.float().exp().sum()

        return torch.autograd.grad(loss, shift)

    x = torch.randn(8, 3)
    run = Traced(function, compile="compiled")
    found = [run(x)[0], run(x)[0]]
    assert run.how == "compiled"
    for gradient in found:
        assert gradient.dtype == torch.float32
        torch.testing.assert_close(gradient, function(x)[0], rtol=1e-2, atol=1e-2)
