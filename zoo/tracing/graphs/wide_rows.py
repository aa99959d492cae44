"""Rows that are read by index, with zeros up to the width of a vector register."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.fx.node import Target

aten = torch.ops.aten
_BITS = {"AVX512": 512}  # of a vector register; 256 for all other processors
_FEW = 64  # rows below which nothing is gained
_WIDE_TYPE = torch.float32

Operation = Callable[[], Any]


class WideRows:
    r"""Replaces operations on short rows that are picked by index, or summed by index.

    An example is the coefficients of a group, of which a hierarchical model reads those of every
    datum. A processor loads and stores a part of a register several times as slowly as all
    of it. So the rows get zeros at their ends, up to the width of a register, where what
    follows is a product and a sum over each row, or a sum of rows by index:

    .. math:: \sum_{k=1}^5 x_{nk} \beta_{g_n k} = \sum_{k=1}^8 x_{nk} \beta_{g_n k}
    """

    def __init__(self) -> None:
        self.width = _BITS.get(torch.backends.cpu.get_cpu_capability(), 256) // 32
        # tensors, and what makes them with zeros at the ends of their rows
        self._wide: dict[int, tuple[Tensor, Callable[[], Tensor]]] = {}
        self._picked: set[int] = set()  # those that depend on rows picked by index

    def run(self, target: Target, args: Sequence[Any], usual: Operation) -> Any:
        """Run an operation, or its replacement.

        Arguments:
            target: The operation.
            args: Its arguments.
            usual: The operation itself.
        """
        if target is aten.sum.dim_IntList and self._sums_picked(*args[:2]):
            return aten.sum.dim_IntList(self._widened(args[0]), *args[1:])

        if target is aten.index_put.default and self._sums_by_index(*args):
            return self._index_put(*args)

        result = usual()
        if target is aten.index.Tensor and self._are_short(result):
            self._picks(result, *args)
        elif target is aten.mul.Tensor and self._are_short(result):
            self._multiplies(result, *args)

        return result

    def _are_short(self, rows: Any) -> bool:
        """Return whether a tensor has many rows, shorter than a register."""
        if not isinstance(rows, Tensor) or rows.dim() < 2 or rows.dtype != _WIDE_TYPE:
            return False

        length = rows.shape[-1]

        return 1 < length < self.width and rows.numel() >= _FEW * length

    def _picks(self, result: Tensor, source: Tensor, indices: list) -> None:
        """Note rows that are picked by index."""
        if len(indices) < source.dim():  # whole rows

            def wide() -> Tensor:
                return aten.index.Tensor(self._widened(source), indices)

            self._wide[id(result)] = result, wide
            self._picked.add(id(result))

    def _multiplies(self, result: Tensor, left: Any, right: Any) -> None:
        """Note rows that are products."""
        factors = [left, right]
        if not all(isinstance(factor, Tensor) for factor in factors):
            return

        def wide() -> Tensor:
            return aten.mul.Tensor(self._widened(left), self._widened(right))

        self._wide[id(result)] = result, wide
        if any(id(factor) in self._picked for factor in factors):
            self._picked.add(id(result))

    def _sums_picked(self, rows: Tensor, dims: Sequence[int] | None) -> bool:
        """Return whether an operation sums over each row of products with picked rows."""
        is_over_rows = dims is not None and list(dims) in ([-1], [rows.dim() - 1])

        return is_over_rows and id(rows) in self._picked

    def _sums_by_index(
        self, sums: Tensor, indices: list, rows: Tensor, accumulate: bool = False
    ) -> bool:
        """Return whether an operation adds products to the rows of a tensor, by index."""
        is_product = id(rows) in self._wide
        is_whole = len(indices) < sums.dim() and rows.shape[-1:] == sums.shape[-1:]

        return accumulate and is_product and is_whole

    def _index_put(self, sums: Tensor, indices: list, rows: Tensor, *_: Any) -> Tensor:
        """Add rows to those of a tensor, by index."""
        wide = aten.index_put.default(
            self._widened(sums), indices, self._widened(rows), True
        )

        return aten.slice.Tensor(wide, -1, 0, sums.shape[-1])

    def _widened(self, rows: Tensor) -> Tensor:
        """Return rows with zeros at their ends, or one number for each row of equal ones."""
        if id(rows) in self._wide:
            _, wide = self._wide[id(rows)]
            return wide()

        length = rows.shape[-1]
        if rows.dim() > 0 and length > 1 and rows.stride(-1) == 0:
            return aten.slice.Tensor(rows, -1, 0, 1)

        if rows.dim() == 0 or length == 1:
            return rows

        return aten.constant_pad_nd.default(rows, [0, self.width - length])
