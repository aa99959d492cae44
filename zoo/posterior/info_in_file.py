"""The statistics of a run in a posterior's file: written field by field, and read with a look."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from torch import Tensor

from zoo.posterior.damaged_file import DamagedFile
from zoo.posterior.info import LaplaceInfo, MCMCInfo, RunInfo, SVIInfo
from zoo.posterior.particle_info import AISInfo, EnsembleInfo
from zoo.posterior.stochastic_info import SGMCMCInfo
from zoo.posterior.storage import unprefixed
from zoo.posterior.tempering_info import TemperingInfo

_KINDS = (
    SVIInfo,
    MCMCInfo,
    LaplaceInfo,
    AISInfo,
    EnsembleInfo,
    SGMCMCInfo,
    TemperingInfo,
)
_INFO = {kind.__name__: kind for kind in _KINDS}


def statistics(
    info: RunInfo | None,
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the fields of an info that JSON takes, and those that are tensors."""
    plain: dict[str, Any] = {}
    tensors: dict[str, Tensor] = {}
    fields = dataclasses.fields(info) if info is not None else ()
    for field in fields:
        if field.name == "error":  # an exception is no JSON; `stopped` has its words
            continue

        value = getattr(info, field.name)
        if isinstance(value, Tensor):
            tensors[field.name] = value
        else:
            plain[field.name] = value

    return plain, tensors


def read_info(
    path: str | Path, header: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> Any:
    """Return the statistics of the run; None if the file has none.

    Raises:
        DamagedFile: They are not those of such a run.
    """
    kind = _INFO.get(header["info"])
    if kind is None:
        return None

    fields = {**header["facts"], **unprefixed("info/", tensors)}
    hints = get_type_hints(kind)
    for name, value in fields.items():
        if name not in hints or not _fits(value, hints[name]):
            raise DamagedFile(
                f"{path} is damaged: {name} is no statistic of {kind.__name__}, or is "
                f"{type(value).__name__}"
            )

    try:
        return kind(**fields)
    except TypeError as error:
        raise DamagedFile(f"{path} is damaged: {error}") from error


def _fits(value: object, hint: Any) -> bool:
    """Return whether a value is of an annotated type such as `list[float] | None`."""
    if isinstance(hint, types.UnionType):
        return any(_fits(value, part) for part in get_args(hint))
    if get_origin(hint) is list:
        part = get_args(hint)[0]
        return isinstance(value, list) and all(_fits(each, part) for each in value)
    if get_origin(hint) is dict:
        return isinstance(value, dict)
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)

    return isinstance(value, hint)
