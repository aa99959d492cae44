"""The cells of a sweep: every combination of its axes that is one, checked before any fit."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from zoo.sweeps.cell import NO_VALUE, SweepCell, fit_of, is_made, takes, takes_guide
from zoo.sweeps.labels import labelled

_PARTS = ("network", "prior", "likelihood", "guide", "engine")
_NEEDED = ("network", "prior", "likelihood")

Axes = Mapping[str, Sequence[Any] | Mapping[str, Any]]


def cells_of(
    axes: Axes, fixed: Mapping[str, Any], options: Mapping[str, Any]
) -> list[SweepCell]:
    """Return the cells of a sweep.

    A cell whose engine takes no guide stands once for all guides, and so does one whose
    engine does not take an option that is an axis.

    Arguments:
        axes: The values of each axis: parts of a model, guides, engines or options.
        fixed: The parts that all cells share, by name.
        options: The options that all cells share, by name.

    Raises:
        ValueError: An axis without values, a part that is missing or given twice, or an
            option that nothing takes.
    """
    named = _named_axes(axes, fixed)
    found: dict[tuple[str, ...], SweepCell] = {}
    for choice in product(*(values.items() for values in named.values())):
        picked = dict(zip(named, choice, strict=True))
        cell = _cell(picked, fixed, options)
        found.setdefault(tuple(cell.labels.values()), cell)

    cells = list(found.values())
    axes_of_options = [name for name in named if name not in _PARTS]
    _refuse_unknown([*options, *axes_of_options], cells)

    return cells


def _named_axes(axes: Axes, fixed: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the values of each axis by label."""
    named = {}
    for name, values in axes.items():
        if isinstance(values, str) or not isinstance(values, (Sequence, Mapping)):
            raise ValueError(
                f"the axis {name!r} must be a list of values, or a mapping of names to values, "
                f"not {values!r}"
            )

        if not values:
            raise ValueError(f"the axis {name!r} has no values; give one, or omit it")

        named[name] = labelled(values)

    for name in _NEEDED:
        if name not in named and fixed.get(name) is None:
            raise ValueError(
                f"the sweep has no {name}; write {name}=..., or an axis {name!r}: [...]"
            )

    return named


def _cell(
    picked: Mapping[str, tuple[str, Any]],
    fixed: Mapping[str, Any],
    options: Mapping[str, Any],
) -> SweepCell:
    """Return the cell of one choice of a label and a value on every axis."""
    parts = {name: fixed.get(name) for name in _PARTS}
    own = dict(options)
    for name, (_, value) in picked.items():
        kept = parts if name in _PARTS else own
        kept[name] = value

    engine = parts["engine"]
    labels = {name: label for name, (label, _) in picked.items()}
    if not takes_guide(engine):
        parts["guide"] = None
        labels |= dict.fromkeys(labels.keys() & {"guide"}, NO_VALUE)
    elif parts["guide"] is None:
        raise ValueError(
            f"{_name(engine)} needs a guide; write guide=guides.MeanField, or an axis 'guide'"
        )

    if parts["guide"] is not None:
        _check_guide(parts["guide"])

    cell = SweepCell(labels, options=own, **parts)
    for name in picked:
        if name not in _PARTS and not _is_taken(name, cell):
            labels[name] = NO_VALUE

    return cell


def _check_guide(guide: Any) -> None:
    """Refuse a guide that is one already, for it belongs to one model."""
    if not callable(guide) or hasattr(guide, "sites"):
        raise ValueError(
            f"the guide of a sweep is a class, or a function of the model, not "
            f"{type(guide).__name__} of one model; write guides.{type(guide).__name__}, or "
            "functools.partial(...) with its arguments"
        )


def _takers(cell: SweepCell) -> Iterator[Any]:
    """Yield what may take an option in a cell."""
    if cell.guide is not None:
        yield cell.guide

    if not is_made(cell.engine):
        yield cell.engine

    yield fit_of(cell.engine)


def _is_taken(name: str, cell: SweepCell) -> bool:
    """Return whether the guide, the engine or `fit` of a cell takes an option."""
    return any(takes(taker, name) for taker in _takers(cell))


def _refuse_unknown(names: Sequence[str], cells: Sequence[SweepCell]) -> None:
    """Refuse options that no cell takes, and name the nearest."""
    for name in names:
        if any(_is_taken(name, cell) for cell in cells):
            continue

        known = {*_PARTS}
        for cell in cells:
            for taker in _takers(cell):
                known |= set(inspect.signature(taker).parameters)

        nearest = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.0)[0]
        raise ValueError(
            f"no guide and no engine of the sweep takes {name!r}; the nearest is {nearest!r}"
        )


def _name(engine: Any) -> str:
    return getattr(engine, "__name__", type(engine).__name__)
