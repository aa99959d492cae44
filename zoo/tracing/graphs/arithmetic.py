"""Cheaper operations with equal results up to rounding, for a graph that a compiler will fuse."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule, Interpreter
from torch.fx.node import Target

from zoo.tracing.graphs.graph import TracedGraph, trace
from zoo.tracing.graphs.wide_rows import WideRows

aten = torch.ops.aten
_TANH_IS_ONE = 7.905311  # beyond it tanh is 1 in single precision
_NUMERATOR = (
    -2.76076847e-16,
    2.00018790e-13,
    -8.60467152e-11,
    5.12229709e-8,
    1.48572235e-5,
    6.37261928e-4,
    4.89352455e-3,
)
_DENOMINATOR = (1.19825839e-6, 1.18534705e-4, 2.26843463e-3, 4.89352518e-3)


def cheaper(module: GraphModule, inputs: Sequence[Tensor]) -> TracedGraph:
    """Return a graph that is faster on a CPU, with equal results up to rounding.

    A hyperbolic tangent becomes a rational function. A batch of matrix products with one
    factor in common becomes one product. Products of columns with rows become operations
    that fuse with their neighbours. A normalisation without scale gets one of ones. Short
    rows that are picked by index get zeros at their ends.

    Arguments:
        module: A graph of aten's operations, as `trace` returns it.
        inputs: Tensors on which it is run once; a graph on a CUDA device is returned as
            it is.
    """
    if any(tensor.is_cuda for tensor in inputs):
        return TracedGraph(module.graph, [])

    return trace(_Cheaper(module).run, inputs)


def tanh(x: Tensor) -> Tensor:
    r"""Return the hyperbolic tangent in single precision, to a few units in the last place.

    It is a rational function:

    .. math::
        \tanh x \approx x \, \frac{\sum_{i=0}^6 a_i x^{2i}}{\sum_{i=0}^3 b_i x^{2i}},
        \quad |x| \le 7.905

    References:
        Eigen (Guennebaud, Jacob et al., 2010), whose coefficients TensorFlow and JAX use as well
    """
    x = x.clamp(-_TANH_IS_ONE, _TANH_IS_ONE)
    square = x * x

    return x * _polynomial(_NUMERATOR, square) / _polynomial(_DENOMINATOR, square)


def product(left: Tensor, right: Tensor) -> Tensor:
    """Return the products of matrices (B, M, K) and (B, K, N)."""
    batch, _, inner = left.shape
    if inner == 1:
        return left * right

    if left.stride(0) == 0 and batch > 1:
        # one left factor for all: a single product with the right factors side by side
        columns = right.permute(1, 0, 2).reshape(inner, -1)  # (K, B * N)
        wide = left[0] @ columns  # (M, B * N)

        return wide.view(len(wide), batch, -1).transpose(0, 1)

    if right.stride(0) == 0 and batch > 1:
        # one right factor for all, in the same way, transposed
        rows = left.permute(2, 0, 1).reshape(inner, -1)  # (K, B * M)
        wide = right[0].T @ rows  # (N, B * M)

        return wide.view(len(wide), batch, -1).permute(1, 2, 0)

    return aten.bmm.default(left, right)


class _Cheaper(Interpreter):
    """Runs a graph with some of its operations replaced."""

    def __init__(self, module: GraphModule) -> None:
        super().__init__(module)
        self.rows = WideRows()

    def call_function(self, target: Target, args: tuple, kwargs: dict) -> Any:
        """Run one operation, or its replacement."""
        if target is aten.tanh.default and args[0].dtype == torch.float32:
            return tanh(args[0])

        if target is aten.bmm.default:
            return product(*args)

        if target is aten.native_batch_norm_backward.default:
            args = _with_scale(*args)

        usual = partial(super().call_function, target, args, kwargs)

        return usual() if kwargs else self.rows.run(target, args, usual)


def _with_scale(upstream: Tensor, x: Tensor, scale: Tensor | None, *rest: Any) -> tuple:
    """Return the arguments of a normalisation's gradient, with ones for a missing scale.

    Without a scale, the compiler rounds the gradient of the shift to the precision of the
    input, which may be half.
    """
    if scale is None:
        dtype = torch.promote_types(x.dtype, torch.float32)
        scale = torch.ones(x.shape[1], dtype=dtype)

    return (upstream, x, scale, *rest)


def _polynomial(coefficients: Sequence[float], x: Tensor) -> Tensor:
    """Evaluate a polynomial, whose coefficient of the highest power is first."""
    value = coefficients[0] * x + coefficients[1]
    for coefficient in coefficients[2:]:
        value = value * x + coefficient

    return value
