"""Posteriors in safetensors files, with the metadata that a fresh process needs; no pickle."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from zoo.model import BayesianNetwork
from zoo.posterior.info import LaplaceInfo, MCMCInfo, SVIInfo
from zoo.posterior.posterior import Posterior
from zoo.runtime.param_scope import ScopedGuide

FORMAT = "zoo.posterior/1"
FUNCTIONS = ("functions/inputs", "functions/values")
VALUES, BITS, SHAPE = (
    "//values",
    "//bits",
    "//shape",
)  # what stands for a tensor of many zeros
FEW = 256  # numbers that are written as they are
INFO = {kind.__name__: kind for kind in (SVIInfo, MCMCInfo, LaplaceInfo)}


def save(posterior: Posterior, path: str | Path) -> None:
    """Write a posterior to a file: tensors as they are, facts as JSON in the header.

    Arguments:
        posterior: The posterior.
        path: The file, replaced if it exists.
    """
    tensors = {f"state/{name}": value for name, value in posterior.state.items()}
    tensors |= {
        f"centre/{name}": value for name, value in (posterior.centre or {}).items()
    }
    tensors |= {
        f"masks/{name}": value for name, value in (posterior.masks or {}).items()
    }
    if posterior.functions is not None:
        tensors |= dict(zip(FUNCTIONS, posterior.functions, strict=True))
    if posterior.draws is not None:
        tensors |= {f"draws/{name}": value for name, value in posterior.draws.items()}
    else:
        tensors |= {
            f"guide/{name}": value for name, value in posterior.scoped.tensors().items()
        }
    facts: dict[str, object] = {}
    for field in (
        dataclasses.fields(posterior.info) if posterior.info is not None else ()
    ):
        value = getattr(posterior.info, field.name)
        if isinstance(value, Tensor):
            tensors[f"info/{field.name}"] = value
        else:
            facts[field.name] = value
    header = {
        "format": FORMAT,
        "tensors": layout(posterior.model)
        or {n: f"random {tuple(s)}" for n, s in posterior.shapes.items()},
        "guide": type(posterior.guide).__name__
        if posterior.guide is not None
        else None,
        "info": type(posterior.info).__name__,
        "facts": facts,
    }
    write_file(Path(path), tensors, {"zoo": json.dumps(header)})


def load(
    path: str | Path,
    model: BayesianNetwork | Callable[..., object],
    guide: Callable[..., object] | None = None,
) -> Posterior:
    """Read a posterior that `Posterior.save` wrote, into a model built anew.

    Arguments:
        path: The file.
        model: A model with the sites of the one that was fitted; a Pyro model that is
            not the zoo's cannot be checked.
        guide: For a posterior by variational inference, a fresh guide of the same
            family and arguments; its parameters are set.

    Raises:
        ValueError: The file is truncated or foreign, or model or guide do not fit; the
            sentence says which.

    Example:
        >>> posterior.save(folder / "posterior.safetensors")
        >>> again = zoo.load(folder / "posterior.safetensors", model, guide=guides.MeanField(model))
    """
    header, tensors = read(Path(path))

    def part(prefix: str) -> dict[str, Tensor]:
        found = {
            name: value for name, value in tensors.items() if name.startswith(prefix)
        }
        return {name.removeprefix(prefix): value for name, value in found.items()}

    given = header["tensors"]
    wanted = layout(model) or given
    odd = sorted(
        name
        for name in given.keys() | wanted.keys()
        if given.get(name) != wanted.get(name)
    )
    if odd:
        parts = (
            f"{name} (file {given.get(name, 'none')}, model {wanted.get(name, 'none')})"
            for name in odd
        )
        raise ValueError(
            f"{path} holds the posterior of another model: they differ at {', '.join(parts)}"
        )
    info = (
        INFO[header["info"]](**header["facts"], **part("info/"))
        if header["info"] in INFO
        else None
    )
    device = (
        model.first_parameter.device if isinstance(model, BayesianNetwork) else None
    )
    state, draws, centre, masks = (
        {name: value.to(device) for name, value in part(prefix).items()}
        for prefix in ("state/", "draws/", "centre/", "masks/")
    )
    known = {"state": state, "info": info, "masks": masks or None}
    if header["guide"] is None:
        functions = tuple(
            tensors[name].to(device) for name in FUNCTIONS if name in tensors
        )
        return Posterior(
            model,
            draws=draws,
            centre=centre or None,
            functions=functions or None,
            **known,
        )
    if guide is None or type(guide).__name__ != header["guide"]:
        given = (
            "none was given" if guide is None else f"this is a {type(guide).__name__}"
        )
        raise ValueError(
            f"{path} holds a {header['guide']} guide, so zoo.load needs one by guide=...; {given}"
        )
    scoped = ScopedGuide(guide)
    scoped.load(part("guide/"))
    return Posterior(model, scoped=scoped.snapshot(model), **known)


def layout(model: BayesianNetwork | Callable[..., object]) -> dict[str, str]:
    """Say of every tensor of a model what becomes of it, and its shape; of a model without a network nothing."""
    if not isinstance(model, BayesianNetwork):
        return {}
    network = model.network
    kept = {
        name: f"buffer {tuple(value.shape)}" for name, value in network.named_buffers()
    }
    frozen = set(model.plan.frozen)
    for name, value in network.named_parameters():
        kept[name] = f"{'frozen' if name in frozen else 'point'} {tuple(value.shape)}"
    return kept | {
        name: f"random {tuple(prior.shape())}" for name, prior in model.latents.items()
    }


def read(path: Path) -> tuple[dict, dict[str, Tensor]]:
    """Read header and tensors of a file, or say what is wrong with it."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}; Posterior.save writes one")
    header, tensors = read_file(path, "zoo")
    if header.get("format") != FORMAT:
        raise ValueError(
            f"{path} is a safetensors file, but no posterior of the zoo ({FORMAT})"
        )
    return header, tensors


def write_file(
    path: Path, tensors: Mapping[str, Tensor], header: dict[str, str]
) -> None:
    """Write tensors and a header; a run that dies meanwhile leaves the file that was there before."""
    partial = Path(f"{path}.part")
    own = {
        name: value.detach().cpu().contiguous().clone()
        for name, value in tensors.items()
    }
    save_file(without_zeros(own), str(partial), metadata=header)
    partial.replace(path)


def read_file(path: Path, key: str) -> tuple[dict, dict[str, Tensor]]:
    """Read the JSON under a key of the header, and the tensors, or say that the file is damaged."""
    try:
        with safe_open(str(path), framework="pt") as file:
            header = json.loads((file.metadata() or {}).get(key, "{}"))
            return header, with_zeros(
                {name: file.get_tensor(name) for name in file.keys()}
            )
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{path} is truncated, damaged or no safetensors file ({error})"
        ) from error


def without_zeros(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Write masks as bits, and what is half zeros or more as its other values with a bit for each place."""
    found = {}
    for name, value in tensors.items():
        mask = value.dtype == torch.bool
        there = (
            value if mask else (value != 0) | torch.signbit(value)
        )  # a negative zero is not nothing
        if value.numel() < FEW or (not mask and 2 * int(there.sum()) > value.numel()):
            found[name] = value
            continue
        found[name + BITS] = torch.from_numpy(np.packbits(there.flatten().numpy()))
        found[name + SHAPE] = torch.tensor(value.shape)
        if not mask:
            found[name + VALUES] = value[there]
    return found


def with_zeros(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Put back what `without_zeros` left out."""
    found = {
        name: value
        for name, value in tensors.items()
        if not name.endswith((VALUES, BITS, SHAPE))
    }
    for name in (name.removesuffix(SHAPE) for name in tensors if name.endswith(SHAPE)):
        shape = tensors[name + SHAPE].tolist()
        there = torch.from_numpy(
            np.unpackbits(tensors[name + BITS].numpy(), count=math.prod(shape))
        )
        found[name] = there.bool().reshape(shape)
        if name + VALUES in tensors:
            values = tensors[name + VALUES]
            found[name] = values.new_zeros(shape).masked_scatter_(found[name], values)
    return found
