"""The scale parameters of a guide that is a part of another."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from guides._base.guide import Guide


def scales_in(name: str, part: Guide | None) -> tuple[str, ...] | None:
    """Return the patterns of a part's scale parameters, with the name of the part in front.

    Arguments:
        name: The name of the part in the guide.
        part: The part, None for none.
    """
    if part is None:
        return ()

    if part.scale_parameters is None:
        return None

    return tuple(f"{name}.{pattern}" for pattern in part.scale_parameters)


def named_in(name: str, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return values of a part by the names that they have in the guide.

    Arguments:
        name: The name of the part in the guide.
        values: Values by the names of the part's parameters.
    """
    return {f"{name}.{own}": value for own, value in values.items()}
