"""Readable names of what a sweep combines: classes, priors, engines, networks and numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from functools import partial
from types import FunctionType
from typing import Any

from torch import nn

_LONGEST = 60  # characters of a label


def labelled(values: Sequence[Any] | Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of an axis by their labels, which are unique.

    Arguments:
        values: The values, or a mapping that has names for them.
    """
    if isinstance(values, Mapping):
        return dict(values)

    labels = [label_of(value) for value in values]
    count = Counter(labels)
    seen: Counter[str] = Counter()
    found = {}
    for label, value in zip(labels, values, strict=True):
        seen[label] += 1
        name = f"{label} #{seen[label]}" if count[label] > 1 else label
        found[name] = value

    return found


def label_of(value: Any) -> str:
    """Return a value as a short text: the name of a class, the representation of a prior.

    Example:
        >>> from zoo.sweeps.labels import label_of
        >>> label_of(priors.WeightPrior(dist.Normal(0.0, 0.1)))
        'WeightPrior(Normal(0, 0.1))'
        >>> label_of(guides.MeanField)
        'MeanField'
        >>> label_of(inference.HMC(model, num_chains=2))
        'HMC(2 chains, 500 + 500 draws)'
    """
    text = _text(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _text(value: Any) -> str:
    """Return a label that may be long."""
    if value is None:
        return "-"

    if isinstance(value, float):
        return f"{value:g}"

    if isinstance(value, partial):
        return _partial(value)

    if isinstance(value, FunctionType):
        return value.__name__

    if isinstance(value, nn.Module):
        number = sum(weight.numel() for weight in value.parameters())
        return f"{type(value).__name__}, {number:,} weights"

    if isinstance(value, type):
        return value.__name__

    return _representation(value)


def _partial(value: partial) -> str:
    """Return a class with some of its arguments, such as HMC(num_chains=2)."""
    arguments = [_text(part) for part in value.args]
    for name, part in value.keywords.items():
        arguments.append(f"{name}={_text(part)}")

    return f"{_text(value.func)}({', '.join(arguments)})"


def _representation(value: Any) -> str:
    """Return what an object says of itself, without the guide that an engine was made with."""
    is_silent = type(value).__repr__ is object.__repr__
    if is_silent and not is_dataclass(value):
        return type(value).__name__

    text = " ".join(repr(value).split())
    guide = getattr(value, "guide", None)
    if isinstance(guide, nn.Module):
        text = text.replace(f"{type(guide).__name__}, ", "", 1)

    return text
