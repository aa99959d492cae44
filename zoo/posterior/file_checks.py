"""The look at the tensors of a posterior's file before they are believed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import torch
from torch import Tensor

_CHANGED = "the file was changed, or is of another model"


def check_names(
    path: str | Path,
    what: str,
    found: Collection[str],
    needed: Collection[str],
    allowed: Collection[str] = (),
) -> None:
    """Refuse a file that lacks a tensor, or has one that the model does not know.

    Arguments:
        path: The file.
        what: What the tensors are, e.g. "draws of site".
        found: Their names in the file.
        needed: The names that must be there.
        allowed: Further names that may be there.

    Raises:
        ValueError: One is missing or too many.
    """
    missing = [name for name in needed if name not in found]
    unknown = [name for name in found if name not in {*needed, *allowed}]
    if not missing and not unknown:
        return

    parts = []
    if missing:
        parts.append(f"lacks {what} {_listed(missing)}")
    if unknown:
        parts.append(f"has {what} {_listed(unknown)} that the model does not have")

    raise ValueError(f"{path} {' and '.join(parts)}; {_CHANGED}")


def check_draws(
    path: str | Path,
    draws: Mapping[str, Tensor],
    shapes: Mapping[str, torch.Size],
    what: str = "draws of site",
) -> None:
    """Refuse draws of another shape than the sites have, or of different numbers.

    Arguments:
        path: The file.
        draws: Values (C, S, *shape) by site.
        shapes: Shapes of the sites.
        what: What they are, for the error message.

    Raises:
        ValueError: The shape of one does not fit.
    """
    first: tuple[str, torch.Size] | None = None
    for name, value in draws.items():
        shape = shapes[name]
        lead = value.shape[:2]
        if value.shape[2:] != shape or len(lead) < 2 or 0 in lead:
            raise ValueError(
                f"{path}: the {what} {name!r} have shape {tuple(value.shape)}, not "
                f"{_of_draws(shape)} with at least one chain C and one draw S; {_CHANGED}"
            )

        first = first or (name, lead)
        if lead != first[1]:
            raise ValueError(
                f"{path}: the {what} {name!r} are {lead[0]} chains of {lead[1]}, but those of "
                f"{first[0]!r} are {first[1][0]} chains of {first[1][1]}; {_CHANGED}"
            )


def check_shapes(
    path: str | Path,
    what: str,
    values: Mapping[str, Tensor],
    shapes: Mapping[str, torch.Size],
) -> None:
    """Refuse tensors of another shape than the model has.

    Raises:
        ValueError: The shape of one differs.
    """
    for name, value in values.items():
        if value.shape != shapes[name]:
            raise ValueError(
                f"{path}: the {what} {name!r} has shape {tuple(value.shape)}, but the model has "
                f"{tuple(shapes[name])}; {_CHANGED}"
            )


def check_finite(
    path: str | Path, what: str, values: Mapping[str, Tensor], own: Mapping[str, Tensor]
) -> None:
    """Refuse tensors with NaN or infinite values, where the model has none itself.

    Arguments:
        path: The file.
        what: What the tensors are, for the error message.
        values: The tensors of the file.
        own: The tensors of the model by name; a mask may hold infinity.

    Raises:
        ValueError: One has such values; the message says where the first is.
    """
    for name, value in values.items():
        wrong = ~torch.isfinite(value)
        if not bool(wrong.any()):
            continue

        present = own.get(name)
        if present is not None and not bool(torch.isfinite(present).all()):
            continue

        place = tuple(wrong.nonzero()[0].tolist())
        raise ValueError(
            f"{path}: the {what} {name!r} hold NaN or infinite values, the first at {place}; "
            "fit again, or restore the file"
        )


def check_kinds(
    path: str | Path,
    what: str,
    values: Mapping[str, Tensor],
    dtypes: Mapping[str, torch.dtype],
) -> None:
    """Refuse tensors of another kind of number: integers are not made of real values.

    Raises:
        ValueError: One is of another kind; the message names both dtypes.
    """
    for name, value in values.items():
        dtype = dtypes[name]
        if _kind(value.dtype) != _kind(dtype):
            raise ValueError(
                f"{path}: the {what} {name!r} has dtype {value.dtype}, but the model has "
                f"{dtype}; {_CHANGED}"
            )


def _kind(dtype: torch.dtype) -> str:
    """Return the kind of number of a dtype; the precision of real numbers does not count."""
    if dtype.is_floating_point:
        return "real"

    return "complex" if dtype.is_complex else str(dtype)


def _listed(names: Collection[str]) -> str:
    return ", ".join(map(repr, names))


def _of_draws(shape: torch.Size) -> str:
    """Write the shape of draws of a site."""
    sizes = ["C", "S", *map(str, shape)]
    return f"({', '.join(sizes)})"
