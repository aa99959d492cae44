"""Compiling for a few rows at a time: how many, and that nobody sees it in the results."""

import pytest
import torch

from zoo.tracing.compiled import CACHED, by_rows, rows_at_once
from zoo.tracing.traced import Traced


@pytest.mark.parametrize(
    ("rows", "widest", "expected"),
    [
        (64, CACHED // 10, 8),  # ten would fit, but sixty-four has no divisor nearer
        (100, CACHED // 10, 10),
        (
            101,
            CACHED // 10,
            101,
        ),  # a prime: one by one would lose more than the cache gives
        (4, CACHED // 10, 4),
        (6, 2 * CACHED, 1),  # not even one fits
        (5, 0, 5),  # nothing is known
        (1, CACHED, 1),
    ],
)
def test_as_many_rows_as_the_cache_holds(monkeypatch, rows, widest, expected):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert rows_at_once(rows, widest) == expected


def test_rows_are_worked_off_in_order():
    sizes = []

    def function(x, y):
        sizes.append(len(x))
        return x + y, y.sum(-1)

    x, y = torch.randn(6, 2), torch.randn(6, 2)
    total, sums = by_rows(function, 2)(x, y)
    assert sizes == [2, 2, 2]
    assert torch.equal(total, x + y)
    assert torch.equal(sums, y.sum(-1))


@pytest.mark.filterwarnings(
    "ignore:.torch.jit:DeprecationWarning"
)  # torch's compiler about itself
def test_what_is_compiled_for_a_few_rows_takes_them_all():
    shape = torch.zeros(())  # read by every row

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
