"""What a result file says about how it was made: settings, machine, versions, statistics."""

from __future__ import annotations

import argparse
import dataclasses
import platform
import re
from pathlib import Path

import pyro
import torch
from torch import Tensor

import zoo


def settings(arguments: argparse.Namespace) -> dict[str, object]:
    """Return the arguments of a command as JSON values."""
    values = {}
    for name, value in vars(arguments).items():
        if name == "run":  # the function of the command
            continue

        values[name] = str(value) if isinstance(value, Path) else value

    return values


def about(device: str) -> dict[str, dict[str, str]]:
    """Return the machine and the versions of the software.

    Arguments:
        device: The name of the device.
    """
    versions = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "pyro": pyro.__version__,
        "zoo": zoo.__version__,
    }

    return {
        "machine": {"processor": processor_name(), "device": device},
        "versions": versions,
    }


def processor_name() -> str:
    """Return the name of the processor and its widest vector instructions."""
    instructions = torch.backends.cpu.get_cpu_capability()
    cpu_info = Path("/proc/cpuinfo")
    text = cpu_info.read_text() if cpu_info.exists() else ""
    named = re.search(r"model name\s*:\s*(.+)", text)
    name = named[1].strip() if named else platform.processor() or platform.machine()

    return f"{name}, {instructions}"


def device_name(device: torch.device) -> str:
    """Return the name of a device, for a GPU that of the card."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)

    return device.type


def info_values(info: object) -> dict[str, object]:
    """Return the info of a fit as JSON values.

    Of the losses it has the mean of the last tenth, of other tensors the mean.

    Arguments:
        info: The info of a posterior, a dataclass.
    """
    values: dict[str, object] = {}
    for field in dataclasses.fields(info):
        value = getattr(info, field.name)
        is_tensor = isinstance(value, Tensor)
        is_plain = isinstance(value, str | int | float | bool | None)

        if is_tensor and field.name == "losses":
            values["final loss"] = _final_loss(value)
        elif is_tensor:
            mean = value.double().mean()
            values[f"mean {field.name}"] = float(mean)
        elif is_plain:
            values[field.name] = value

    return values


def _final_loss(losses: Tensor) -> float | None:
    """Return the mean of the last tenth of the losses; None if there are none."""
    if len(losses) == 0:
        return None

    number = max(1, len(losses) // 10)

    return float(losses[-number:].mean())
