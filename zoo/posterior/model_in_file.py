"""The model that a posterior's file belongs to: its prior, likelihood and network as text."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path

from zoo.model import BayesianNetwork
from zoo.posterior.model_description import describe_model
from zoo.runtime.caller import stack_level
from zoo.runtime.programs import PyroProgram

_COMPARED = ("prior of ", "treatment of ", "likelihood", "network")
_MOST_NAMED = 6  # differences in a warning


def warn_of_another_model(
    path: str | Path, stored: Mapping[str, str], model: BayesianNetwork
) -> None:
    """Warn if a model has another prior, likelihood or network than the file's had."""
    if not stored:  # version 0.6 and earlier wrote none
        return

    own = meaning(model)
    different = []
    for name in dict.fromkeys([*own, *stored]):
        then, now = str(stored.get(name, "none")), own.get(name, "none")
        if _comparable(then) != _comparable(now):
            different.append(f"{name} (file {then}, model {now})")

    if different:
        listed = ", ".join(different[:_MOST_NAMED])
        warnings.warn(
            f"{path} holds the posterior of another model: they differ in {listed}; the draws "
            "are those of the file, and predictions use this model",
            stacklevel=stack_level(),
        )


def meaning(model: BayesianNetwork | PyroProgram) -> dict[str, str]:
    """Return prior, likelihood and network of a model as text by name; {} for a program."""
    if not isinstance(model, BayesianNetwork):
        return {}

    found = {}
    for name, text in describe_model(model).items():
        if name.startswith(_COMPARED):
            found[name] = text

    return found


def _comparable(text: str) -> str:
    """Leave out of a text what does not change a prediction: a layer's mode, and last digits."""
    text = text.removesuffix(", eval()")
    return re.sub(r"\d+\.\d+", lambda found: f"{float(found[0]):.5g}", text)
