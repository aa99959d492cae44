"""What a compiler knows of a tensor."""

import torch

from zoo.tracing.likeness import Likeness

X = torch.linspace(-1.0, 1.0, 12).view(3, 4)


def test_a_tensor_that_is_like_another_has_its_memory_layout():
    for tensor in (X, X.T, X[1:, ::2], X.expand(2, 3, 4), torch.ones(()), X[:0]):
        one, other = Likeness.of(tensor), Likeness.of(Likeness.of(tensor).tensor())
        assert one == other
