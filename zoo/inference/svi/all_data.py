"""All data of a fit, for guides that depend on them and not only on a batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from zoo.data import Batches, check_all_data
from zoo.runtime.effects import Substitute
from zoo.runtime.programs import PyroProgram
from zoo.runtime.rows import concatenate


def tell_all_data(
    guide: PyroProgram, data: Batches, state: Mapping[str, Tensor]
) -> None:
    """Call `remember(x, y, num_data=N)` of each part of a guide that has such a method.

    Arguments:
        guide: The guide.
        data: Batches of the data.
        state: Point estimates and buffers by name, used in place of the network's.

    Raises:
        ValueError: A `DataLoader` whose epoch does not hold each datum once.
    """
    parts: list[Any] = []
    if isinstance(guide, nn.Module):
        parts = [part for part in guide.modules() if hasattr(part, "remember")]

    if not parts:
        return

    x, y = data.x, data.y
    if x is None:
        check_all_data(data, f"{type(guide).__name__} depends on all data")
        x, y = concatenate(list(data.epoch()))

    with Substitute(state):
        for part in parts:
            part.remember(x, y, num_data=data.num_data)
