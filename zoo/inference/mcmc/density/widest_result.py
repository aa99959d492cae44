"""The size of the largest result of an operation, by which chains are divided over the cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from zoo.tracing.graphs.operation_mode import OperationMode


class WidestResult(OperationMode):
    """Records the size in bytes of the largest result of an operation."""

    bytes = 0

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: tuple[Any, ...],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))

        results = result if isinstance(result, (tuple, list)) else (result,)
        for value in results:
            if isinstance(value, Tensor):
                self.bytes = max(self.bytes, value.nbytes)

        return result
