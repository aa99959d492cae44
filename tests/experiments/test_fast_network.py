"""The rates of the fast network: they rise, change linearly, and are larger for biases."""

import pytest
import torch

from zoo.experiments.parts.fast_network import Linear, nesterov


def test_a_rate_rises_and_then_changes_linearly_to_the_last_one():
    factor = Linear(num_steps=10, warmup=0.2, first=1.0, last=0.6)
    assert factor(0) == pytest.approx(0.5)
    assert factor(1) == pytest.approx(1.0)
    assert factor(5) == pytest.approx(0.8)
    assert factor(9) == pytest.approx(0.6)


def test_biases_have_a_larger_rate_than_weights():
    weight, bias = (
        torch.zeros(2, 3, requires_grad=True),
        torch.zeros(3, requires_grad=True),
    )
    weights, biases = nesterov([weight, bias], lr=0.1).param_groups
    assert weights["params"] == [weight]
    assert weights["lr"] == 0.1
    assert biases["params"][0] is bias
    assert biases["lr"] == pytest.approx(6.4)
