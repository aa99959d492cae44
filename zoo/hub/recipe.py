"""How a posterior's model and guide are built: JSON in, objects out, and what has none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from guides import Guide
from zoo.hub.allowed import allowed
from zoo.hub.describing import Json, NotDescribed, described
from zoo.hub.rebuilding import arguments_of, make, rebuilt
from zoo.model import BayesianNetwork
from zoo.posterior.storage import unprefixed
from zoo.runtime.programs import PyroProgram

_DTYPES = ("float32", "float64", "float16", "bfloat16")


def describe_model(model: BayesianNetwork | PyroProgram) -> Json:
    """Return a model as JSON: its network, prior, likelihood and dtype, without weights.

    Raises:
        NotDescribed: A part that is no public class of zoo, guides or torch.
    """
    if type(model) is not BayesianNetwork:
        family = type(model).__name__
        raise NotDescribed(f"{family} is a program and no zoo.BayesianNetwork")
    if model.output_choice.choose is not None:
        raise NotDescribed("the model takes its output by a function of your own")

    return {
        "network": described(model.network),
        "prior": described(model.prior),
        "likelihood": described(model.likelihood),
        "whole": model.whole,
        "dtype": str(model.first_parameter.dtype).removeprefix("torch."),
    }


def describe_guide(guide: PyroProgram) -> Json:
    """Return a guide as JSON: its class and its options.

    Raises:
        NotDescribed: A guide that is no public class of `guides`.
    """
    text = described(guide)
    if not str(text["make"]).startswith("guides."):
        raise NotDescribed(f"{text['make']} is no class of guides")

    return text


def build_model(text: Json, tensors: Mapping[str, Tensor]) -> BayesianNetwork:
    """Return a model from JSON, with the frozen weights of a posterior's file.

    Arguments:
        text: What `describe_model` has returned.
        tensors: The tensors of the file, whose point estimates, frozen weights and buffers
            become those of the network.

    Raises:
        ValueError: JSON that describes no model.
    """
    if not isinstance(text, Mapping) or text.get("dtype") not in _DTYPES:
        raise ValueError(f"a file describes no model but {text!r}; it was changed")

    with torch.random.fork_rng(devices=[]):  # the initial weights are not used
        network = rebuilt(text.get("network"))
        if not isinstance(network, nn.Module):
            raise ValueError(f"a file has {network!r} in the place of a network")

        network = network.to(getattr(torch, text["dtype"]))
        _fill(network, unprefixed("state/", tensors))
        prior = rebuilt(text.get("prior"))
        likelihood = rebuilt(text.get("likelihood"))
        whole = text.get("whole")
        parts = {"whole": whole}

        return make("the model", BayesianNetwork, network, prior, likelihood, **parts)


def build_guide(text: Json, model: BayesianNetwork) -> PyroProgram:
    """Return a fresh guide of a model from JSON.

    Raises:
        ValueError: JSON that describes no guide.
    """
    name = text.get("make") if isinstance(text, Mapping) else text
    family: Any = allowed(str(name))
    if not isinstance(family, type) or not issubclass(family, Guide):
        raise ValueError(f"a file has {name!r} in the place of a guide")

    options = arguments_of(text)
    with torch.random.fork_rng(devices=[]):
        return make(str(name), family, model, **options)


@torch.no_grad()
def _fill(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Set the parameters and buffers of a new network that a posterior keeps values of."""
    own = dict(network.named_parameters()) | dict(network.named_buffers())
    for name, value in state.items():
        if name in own and own[name].shape == value.shape:
            own[name].copy_(value)
