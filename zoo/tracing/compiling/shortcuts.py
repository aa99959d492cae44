"""Torch's compiler without what it does again and again for one program.

A loop of a sampler has hundreds of operations. Torch's compiler takes a quarter less time
for it with these functions in place of its own, and writes the same program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from typing import Any

from zoo.tracing.compiling.replaced import replaced


@contextmanager
def shortcuts() -> Iterator[None]:
    """Let torch's compiler take shortcuts; a version of torch without such a function does not."""
    from torch._higher_order_ops import utils as loops
    from torch._inductor import dtype_propagation, sizevars

    rules = getattr(dtype_propagation, "DtypePropagationOpsHandler", None)
    with ExitStack() as until_the_end:
        for owner, name, quick in (
            (rules, "__init__", _once),
            (sizevars, "simplify_index_in_vec_range", _only_if_it_divides),
            (sizevars, "stride_at", _by_expansion),
            (loops, "_check_alias_and_mutation", _once_for_each),
        ):
            slow = getattr(owner, name, None)
            if owner is not None and slow is not None:
                until_the_end.enter_context(replaced(owner, name, quick(slow)))
        yield


def _once(fill: Callable[[Any], None]) -> Callable[[Any], None]:
    """Fill the only table of dtype rules once, instead of once for each operation."""
    filled: list[bool] = []

    def fill_once(handler: Any) -> None:
        if not filled:
            fill(handler)
            filled.append(True)

    return fill_once


def _once_for_each(check: Callable[..., None]) -> Callable[..., None]:
    """Check once that a step does not write to its inputs: each check traces the step."""
    checked: list[Any] = []

    def check_once(step: Any, *arguments: Any, **options: Any) -> None:
        if not any(step is other for other in checked):
            check(step, *arguments, **options)
            checked.append(step)

    return check_once


def _only_if_it_divides(simplify: Callable[..., Any]) -> Callable[..., Any]:
    """Simplify an index for the range of a vector only if it has a quotient or a remainder.

    Any other index is the same there as everywhere.
    """
    from torch.utils._sympy.functions import FloorDiv, ModularIndexing

    @lru_cache
    def simplified(index: Any, variable: Any, length: int) -> Any:
        if not index.has(FloorDiv, ModularIndexing):
            return index

        return simplify(index, variable, length)

    return simplified


def _by_expansion(stride: Callable[..., Any]) -> Callable[..., Any]:
    """Find how far an index moves by multiplying out, where this gives a number."""
    from sympy import Integer, expand

    @lru_cache
    def expanded(index: Any, variable: Any) -> Any:
        if not index.has(variable):
            return Integer(0)

        moved = index.subs(variable, variable + 1)
        difference = expand(moved - index)

        return difference if difference.is_Integer else stride(index, variable)

    return expanded
