"""The file format of a posterior: the header, and the names of the tensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor

from zoo.model import BayesianNetwork
from zoo.posterior.damaged_file import DamagedFile
from zoo.posterior.info import RunInfo
from zoo.posterior.info_in_file import statistics
from zoo.posterior.model_in_file import meaning
from zoo.posterior.storage import prefixed, read_file, write_file
from zoo.runtime.fixed_rows import fixed_rows
from zoo.runtime.programs import PyroProgram

_FORMAT = "zoo.posterior/1"
_HEADER = {  # what the header must hold
    "tensors": dict,
    "guide": str | None,
    "info": str,
    "facts": dict,
}


def write_posterior(
    path: Path,
    model: BayesianNetwork | PyroProgram,
    shapes: Mapping[str, torch.Size],
    guide: PyroProgram | None,
    info: RunInfo | None,
    tensors: Mapping[str, Tensor],
) -> None:
    """Write a posterior to a file: tensors as they are, everything else as JSON in the header.

    Arguments:
        path: The file, replaced if it exists.
        model: The model.
        shapes: The shape of every latent site by name.
        guide: The fitted guide, None after a sampler.
        info: Statistics of the run.
        tensors: Tensors by name, with a prefix such as `draws/`.
    """
    plain, of_draws = statistics(info)
    random = {name: f"random {tuple(shape)}" for name, shape in shapes.items()}
    header = {
        "format": _FORMAT,
        "tensors": layout(model) or random,
        "model": meaning(model),
        "guide": None if guide is None else type(guide).__name__,
        "info": type(info).__name__,
        "facts": plain,
    }
    everything = {**tensors, **prefixed("info/", of_draws)}

    write_file(path, everything, {"zoo": json.dumps(header)})


def read_posterior(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read the header and the tensors of a posterior's file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A damaged file, or one that is not a posterior's.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no file {path}; write one by posterior.save(path)"
        )

    header, tensors = read_file(path, "zoo")
    if header.get("format") != _FORMAT:
        raise ValueError(
            f"{path} is a safetensors file, but not a posterior of the zoo ({_FORMAT}); "
            "give a file of posterior.save"
        )

    for name, kind in _HEADER.items():
        if not isinstance(header.get(name), kind):
            raise DamagedFile(
                f"{path} is damaged: its header has {header.get(name)!r} under {name!r}"
            )

    return header, tensors


def layout(model: BayesianNetwork | PyroProgram) -> dict[str, str]:
    """Return role and shape of a model's tensors as text by name; {} for a Pyro program."""
    if not isinstance(model, BayesianNetwork):
        return {}

    found = {}
    for name, value in model.network.named_buffers():
        found[name] = f"buffer {tuple(value.shape)}"

    frozen = set(model.plan.frozen)
    computed = model.plan.reparameterised()
    for name, value in model.network.named_parameters():
        role = "frozen" if name in frozen else "point"
        role = "computed" if name in computed else role
        found[name] = f"{role} {tuple(value.shape)}"

    for name, prior in model.latents.items():
        found[name] = f"random {tuple(prior.shape())}{_padding_text(prior)}"

    return found


def _padding_text(prior: TorchDistributionMixin) -> str:
    """Write the rows that a prior fixes, "" for most."""
    if not fixed_rows(prior):
        return ""

    support = prior.support
    listed = ", ".join(map(str, support.rows))
    norm = float(support.values.norm())

    return f", padding in row {listed} of norm {norm:.6g}"
