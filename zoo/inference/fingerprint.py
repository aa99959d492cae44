"""What makes a run the same run, as text by name: model, guide, options and data."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import FunctionType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils import _pytree
from torch.utils.data import DataLoader, IterableDataset

from zoo.data import Batches
from zoo.data.minibatches import LoaderBatches
from zoo.posterior.model_description import START_OF_NETWORK
from zoo.runtime.description.constants import describe_constant
from zoo.runtime.description.digest import digest
from zoo.runtime.description.objects import describe_value
from zoo.runtime.param_scope import ScopedGuide
from zoo.runtime.programs import PyroProgram
from zoo.runtime.recorded import RECORD

START_OF_GUIDE = "start of the guide"
_OF_MODULES = frozenset(vars(nn.Module()))
_NUM_EXAMPLES = 8  # of a data set that is not in memory
_NOT_OPTIONS = {
    "sites",
    "bound",
    "has_density",
    *RECORD,
}  # of a guide, which follow from the model


def differences(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return in which parts two runs differ: "prior of w (then Normal(0, 1), now ...)".

    The start of a guide is compared only if the network started at the same values. In a
    program that does not set a seed both are new at each start, and mean nothing.
    """
    ignored = {START_OF_NETWORK}
    if then.get(START_OF_NETWORK) != now.get(START_OF_NETWORK):
        ignored.add(START_OF_GUIDE)

    found = []
    for name in dict.fromkeys([*now, *then]):
        before, present = then.get(name, "none"), now.get(name, "none")
        if before != present and name not in ignored:
            found.append(f"{name} (then {before}, now {present})")

    return found


def describe_guide(scoped: ScopedGuide, network: nn.Module) -> dict[str, str]:
    """Return the class, the options and the initial values of a guide.

    Arguments:
        scoped: The guide, before its first step.
        network: The network; where the guide starts at its values, they do not count.
    """
    guide = scoped.guide
    words = {"guide": describe_program(guide)}
    if isinstance(guide, nn.Module):
        words |= _options(guide)

    own = dict(network.named_parameters())
    starts = []
    for name, tensor in scoped.tensors().items():
        parts = [str(tuple(tensor.shape)), str(tensor.dtype)]
        if not tensor.requires_grad:
            parts.append("fixed")

        if not _is_of_network(name, tensor, own):
            value = describe_constant(tensor) if tensor.numel() > 1 else ""
            parts.append(value)
            if not value:
                starts.append(tensor)

        words[f"guide's {name}"] = " ".join(parts).strip()

    words[START_OF_GUIDE] = digest(starts)
    return words


def describe_program(program: PyroProgram) -> str:
    """Return the class of a Pyro program that is a module, and the code of a function."""
    is_module = isinstance(program, nn.Module)
    return describe_value(type(program) if is_module else program)


def describe_data(data: Batches) -> dict[str, str]:
    """Return the values of the data, or of a loader's data set with its options."""
    words = {"number of data": str(data.num_data), "batch size": str(data.size)}
    if isinstance(data, LoaderBatches):
        words["columns"] = describe_value(data.columns)
        return words | _describe_loader(data.loader)

    return words | describe_tree("inputs", data.x) | describe_tree("targets", data.y)


def describe_tree(name: str, tree: Any) -> dict[str, str]:
    """Return the values of the tensors in nested tuples and dictionaries."""
    words = {}
    for path, leaf in _pytree.tree_flatten_with_path(tree)[0]:
        key = name + _pytree.keystr(path)
        if isinstance(leaf, Tensor):
            words[key] = f"{tuple(leaf.shape)} {leaf.dtype} {digest([leaf])}"
        else:
            words[key] = describe_value(leaf)

    return words


def _options(guide: nn.Module) -> dict[str, str]:
    """Return the options of a guide and of the guides in it."""
    words = {}
    for part_name, part in guide.named_modules():
        for name, value in vars(part).items():
            is_own = name not in _OF_MODULES and name not in _NOT_OPTIONS
            if is_own and _is_option(value):
                key = f"guide's {part_name}.{name}".replace(" .", " ")
                words[key] = describe_value(value)

    return words


def _is_option(value: object) -> bool:
    """Return whether an attribute of a guide is an option that a user can have written."""
    if isinstance(value, (list, tuple)):
        return all(_is_option(part) for part in value)

    if isinstance(value, dict):
        return all(_is_option(part) for part in value.values())

    is_plain = value is None or isinstance(value, (bool, int, float, str))
    is_object = type(value).__module__.startswith("guides.mixture_entropy")
    return is_plain or is_object or isinstance(value, (partial, FunctionType))


def _is_of_network(name: str, tensor: Tensor, own: Mapping[str, Tensor]) -> bool:
    """Return whether a parameter of a guide starts at the value of the network."""
    for site, value in own.items():
        if name.endswith(site) and tensor.shape == value.shape:
            return torch.equal(tensor, value.to(tensor))

    return False


def _describe_loader(loader: DataLoader) -> dict[str, str]:
    """Return the data set of a loader, and how it is divided into batches."""
    batched = loader.batch_sampler
    sampler = loader.sampler if batched is None else batched
    return {
        "data set": describe_value(loader.dataset),
        "examples of the data set": _examples(loader.dataset),
        "sampler": _describe_sampler(sampler),
        "collate_fn": describe_value(loader.collate_fn),
    }


def _describe_sampler(sampler: object) -> str:
    """Return the class and the options of a sampler, without its data."""
    if isinstance(sampler, (list, tuple, range)):
        return describe_value(sampler)

    options = {}
    for name, value in vars(sampler).items():
        if name == "sampler":
            options[name] = _describe_sampler(value)
        elif name not in ("data_source", "generator", "dataset"):
            options[name] = describe_value(value)

    return f"{type(sampler).__name__} {options}"


def _examples(dataset: Any) -> str:
    """Return a hash of a few data, drawn with fixed random numbers if they are augmented."""
    if isinstance(dataset, IterableDataset):
        return "unknown"  # it may be read only once

    last = len(dataset) - 1
    indices = {round(last * k / (_NUM_EXAMPLES - 1)) for k in range(_NUM_EXAMPLES)}
    with fixed_random_numbers():
        examples = [dataset[index] for index in sorted(indices)]

    return str(describe_tree("", examples))


@contextmanager
def fixed_random_numbers() -> Iterator[None]:
    """Set the seeds of torch, Python and NumPy, and restore their states afterwards."""
    of_python, of_numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        random.seed(0)
        np.random.seed(0)
        try:
            yield
        finally:
            random.setstate(of_python)
            np.random.set_state(of_numpy)
