"""What makes a run of SVI the same run: model, guide, optimiser, settings and data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from zoo.inference.fingerprint import describe_guide
from zoo.inference.svi.options import SVIOptions
from zoo.inference.svi.state import TrainingState
from zoo.model import BayesianNetwork
from zoo.posterior.model_description import describe_model
from zoo.runtime.description.objects import describe_value
from zoo.runtime.param_scope import ScopedGuide


def describe_run(
    model: BayesianNetwork,
    scoped: ScopedGuide,
    options: SVIOptions,
    state: TrainingState,
) -> dict[str, str]:
    """Return what a run is besides its data, as text by name.

    How the steps are computed ("plain", "traced", ...) does not count.

    Arguments:
        model: The model.
        scoped: The guide, before its first step.
        options: The settings.
        state: The state before the first step.
    """
    words = {
        "engine": "SVI",
        "steps": str(options.total_steps),
        "learning rate": str(options.lr),
        "num_particles": str(options.num_particles),
        "deterministic": str(options.deterministic),
        "average": str(options.average),
        "scales_only": str(options.scales_only),
        "precision": options.precision,
        "temperature": str(options.tempering.whole),
        "likelihood_temperature": str(options.tempering.likelihood),
        "optimizer": _describe_made(state.optimizer),
        "scheduler": _describe_made(state.scheduler),
    }
    words |= describe_model(model, state.values)
    return words | describe_guide(scoped, model.network)


def _describe_made(made: object) -> str:
    """Return the class and the options of an optimiser or a scheduler, as they were made."""
    if made is None:
        return "None"

    kind = type(made)
    options: dict[str, Any] = {}
    for name, value in vars(made).items():
        is_method = callable(value) and hasattr(kind, name)  # torch wraps `step`
        if name not in ("state", "optimizer") and name[0] != "_" and not is_method:
            options[name] = _without_parameters(value)

    inner = [_describe_made(one) for one in getattr(made, "_schedulers", [])]
    if inner:
        options["schedulers"] = inner

    return f"{describe_value(kind)} {describe_value(options)}"


def _without_parameters(value: Any) -> Any:
    """Return the settings of groups of parameters, and the number of parameters of each."""
    is_groups = isinstance(value, list) and value and isinstance(value[0], Mapping)
    if not is_groups:
        return None if isinstance(value, Tensor) and value.requires_grad else value

    groups = []
    for group in value:
        group = dict(group)
        if "params" in group:
            group["params"] = len(group["params"])
        groups.append(group)

    return groups
