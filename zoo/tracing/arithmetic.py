"""The same numbers by cheaper operations, for a graph that a compiler will fuse."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.fx import GraphModule, Interpreter

from zoo.tracing.graph import trace

aten = torch.ops.aten
LIMIT = 7.905311  # beyond it tanh is 1 in single precision
ODD = (
    -2.76076847e-16,
    2.00018790e-13,
    -8.60467152e-11,
    5.12229709e-8,
    1.48572235e-5,
    6.37261928e-4,
    4.89352455e-3,
)
EVEN = (1.19825839e-6, 1.18534705e-4, 2.26843463e-3, 4.89352518e-3)


def cheaper(
    module: GraphModule, inputs: Sequence[Tensor]
) -> tuple[GraphModule, list[Tensor]]:
    """Return a graph for a CPU's compiler with the same results to rounding, and what it reads beside its inputs.

    A hyperbolic tangent becomes a rational function, products of matrices in which all
    have one factor become one product, and products of columns with rows become
    operations that fuse with their neighbours.

    Arguments:
        module: A graph of aten's operations, as `trace` returns it.
        inputs: Tensors to run it with, once.
    """
    if any(tensor.is_cuda for tensor in inputs):
        return module, []
    return trace(lambda *given: Cheaper(module).run(*given), inputs)


class Cheaper(Interpreter):
    """Runs a graph with some of its operations replaced."""

    def call_function(
        self, target: Callable[..., object], args: tuple, kwargs: dict
    ) -> object:
        """Run one operation, or what stands for it."""
        if target is aten.tanh.default and args[0].dtype == torch.float32:
            return tanh(args[0])
        if target is aten.bmm.default:
            return product(*args)
        return super().call_function(target, args, kwargs)


def tanh(x: Tensor) -> Tensor:
    r"""Return the hyperbolic tangent in single precision as a rational function, to a few units in the last place.

    .. math:: \tanh x \approx x \, \frac{\sum_{i=0}^6 a_i x^{2i}}{\sum_{i=0}^3 b_i x^{2i}}, \quad |x| \le 7.905

    The coefficients are those of Eigen (Guennebaud, Jacob et al., 2010), which
    TensorFlow and JAX use as well.
    """
    x = x.clamp(-LIMIT, LIMIT)
    square = x * x
    return x * polynomial(ODD, square) / polynomial(EVEN, square)


def polynomial(coefficients: Sequence[float], x: Tensor) -> Tensor:
    """Evaluate a polynomial, its highest coefficient first."""
    value = coefficients[0] * x + coefficients[1]
    for coefficient in coefficients[2:]:
        value = value * x + coefficient
    return value


def product(left: Tensor, right: Tensor) -> Tensor:
    """Return the products of matrices (B, M, K) and (B, K, N)."""
    batch, _, inner = left.shape
    if inner == 1:
        return left * right
    if (
        left.stride(0) == 0 and batch > 1
    ):  # one factor for all: B times as wide a product
        wide = left[0] @ right.permute(1, 0, 2).reshape(inner, -1)
        return wide.view(len(wide), batch, -1).transpose(0, 1)
    return aten.bmm.default(left, right)
