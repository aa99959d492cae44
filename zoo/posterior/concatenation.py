"""Posteriors put together: the checks that they are of one target, and their statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor

from zoo.model import BayesianNetwork
from zoo.posterior.draw_source import DrawSource
from zoo.posterior.info import MCMCInfo
from zoo.posterior.model_description import START_OF_NETWORK, describe_model
from zoo.runtime.programs import PyroProgram

Dim = Literal["chain", "draw"]
_AXES = {"chain": 0, "draw": 1}
_MOST_NAMED = 4  # differences in an error message
_OF_CHAINS = ("powers", "rejection_rates")  # (C, R), not of draws
_SUMS = ("num_gradients", "seconds", "seconds_warmup", "seconds_tracing")

Info = TypeVar("Info", bound=MCMCInfo)


def check_kinds(posteriors: Sequence[object]) -> None:
    """Refuse posteriors of different kinds, and none at all.

    Raises:
        ValueError: There is none, or their classes differ.
    """
    if not posteriors:
        raise ValueError("concat needs at least one posterior, not an empty list")

    first = posteriors[0]
    for posterior in posteriors:
        if type(posterior) is not type(first):
            raise ValueError(
                f"concat needs posteriors of one kind, not {first!r} and {posterior!r}; "
                "sample both with the same functions_at"
            )


def axis_of(dim: Dim) -> int:
    """Return the axis of stored draws (C, S, ...) that has a name.

    Raises:
        ValueError: Another name.
    """
    if dim not in _AXES:
        raise ValueError(f"dim must be 'chain' or 'draw', not {dim!r}")

    return _AXES[dim]


def joined(tensors: Sequence[Mapping[str, Tensor]], axis: int) -> dict[str, Tensor]:
    """Concatenate tensors by name."""
    found = {}
    for name, first in tensors[0].items():
        parts = [each[name].to(first.device) for each in tensors]
        found[name] = torch.cat(parts, axis)

    return found


def check_sizes(posteriors: Sequence[DrawSource], dim: Dim) -> None:
    """Refuse chains of different lengths side by side, and other numbers of chains in sequence.

    Raises:
        ValueError: The sizes do not fit.
    """
    lengths, chains = [], []
    for posterior in posteriors:
        chains.append(posterior.num_chains)
        lengths.append(posterior.num_samples // posterior.num_chains)

    if dim == "chain" and len(set(lengths)) > 1:
        raise ValueError(
            f"chains side by side must have equally many draws, not {lengths}; sample the "
            f"shorter ones again with num_samples={max(lengths)} and their checkpoint"
        )

    if dim == "draw" and len(set(chains)) > 1:
        raise ValueError(
            f"draws in sequence need equally many chains, not {chains}; write dim='chain'"
        )


def check_same_target(
    models: Sequence[BayesianNetwork | PyroProgram], infos: Sequence[Any]
) -> None:
    """Refuse posteriors of different models, data or temperatures.

    Arguments:
        models: Their models.
        infos: Their statistics.

    Raises:
        ValueError: They differ; the message names in what.
    """
    targets = [getattr(info, "target", {}) for info in infos]
    if not all(targets):  # not all are known
        targets = [_words(model) for model in models]

    first = targets[0]
    for number, other in enumerate(targets[1:], start=2):
        found = _differences(first, other)
        if found:
            listed = ", ".join(found[:_MOST_NAMED])
            raise ValueError(
                f"posteriors 1 and {number} are of different targets: they differ in {listed}; "
                "put together only draws of one model given the same data"
            )


def check_same_tensors(what: str, tensors: Sequence[Mapping[str, Tensor]]) -> None:
    """Refuse posteriors whose constant tensors differ.

    Arguments:
        what: What the tensors are, for the message.
        tensors: The tensors of each posterior by name.

    Raises:
        ValueError: They differ; the message gives a name.
    """
    first = tensors[0]
    for number, other in enumerate(tensors[1:], start=2):
        for name in sorted(first.keys() | other.keys()):
            is_in_both = name in first and name in other
            if not is_in_both or not torch.equal(first[name], other[name]):
                raise ValueError(
                    f"posteriors 1 and {number} have different {what} {name!r}; put together "
                    "only draws of one network"
                )


def joined_info(infos: Sequence[Info | None], dim: Dim) -> Info | None:
    """Return the statistics of all draws, None if some are not known.

    Statistics of draws and chains are concatenated, times and gradients are summed.
    """
    known = [info for info in infos if info is not None]
    if len(known) < len(infos):
        return None

    values: dict[str, Any] = {}
    for part in fields(known[0]):
        parts = [getattr(info, part.name) for info in known]
        values[part.name] = _joined_field(part.name, parts, dim)

    return type(known[0])(**values)


def _joined_field(name: str, parts: list[Any], dim: Dim) -> Any:
    """Join one field of the statistics of runs."""
    if all(isinstance(part, Tensor) for part in parts):
        # (C,), such as the step size
        is_of_chains = parts[0].dim() < 2 or name in _OF_CHAINS
        if is_of_chains and dim == "draw":
            return parts[-1]

        device = parts[0].device
        return torch.cat([part.to(device) for part in parts], _AXES[dim])

    if name in _SUMS:
        return sum(parts)

    if all(isinstance(part, str) for part in parts):
        return "; ".join(filter(None, dict.fromkeys(parts)))

    are_equal = all(part == parts[0] for part in parts[1:])
    if name == "thinning" and not are_equal:
        return max(parts)

    return parts[0] if are_equal or name == "target" else None


def _words(model: BayesianNetwork | PyroProgram) -> dict[str, str]:
    return describe_model(model) if isinstance(model, BayesianNetwork) else {}


def _differences(first: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    found = []
    for name in dict.fromkeys([*first, *other]):
        here, there = first.get(name, "none"), other.get(name, "none")
        if here != there and name != START_OF_NETWORK:
            found.append(f"{name} ({here} and {there})")

    return found
