"""What a result file says besides the result: settings, machine, versions, and the facts of a run."""

from __future__ import annotations

import argparse
import dataclasses
import platform
from importlib.metadata import version
from pathlib import Path

import pyro
import torch
from torch import Tensor


def settings(arguments: argparse.Namespace) -> dict[str, object]:
    """Return the arguments of a command as JSON knows them."""
    values = {key: value for key, value in vars(arguments).items() if key != "run"}
    return {
        key: str(value) if isinstance(value, Path) else value
        for key, value in values.items()
    }


def about(device: str) -> dict[str, dict[str, str]]:
    """Return the machine and the versions of what was running."""
    return {
        "machine": {
            "processor": platform.processor() or platform.machine(),
            "device": device,
        },
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "pyro": pyro.__version__,
            "zoo": version("bnn-zoo"),
        },
    }


def run_facts(info: object) -> dict[str, object]:
    """Return the facts of a run as JSON knows them: of losses the mean of the last tenth, of other tensors the mean."""
    facts: dict[str, object] = {}
    for field in dataclasses.fields(info):
        value = getattr(info, field.name)
        if isinstance(value, Tensor) and field.name == "losses":
            facts["final loss"] = (
                float(value[-max(1, len(value) // 10) :].mean()) if len(value) else None
            )
        elif isinstance(value, Tensor):
            facts[f"mean {field.name}"] = float(value.double().mean())
        elif isinstance(value, str | int | float | bool | None):
            facts[field.name] = value
    return facts
