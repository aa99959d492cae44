"""The networks that a model can be of: modules of plain real tensors, without wrappers."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.parameter import is_lazy


def plain_network(network: nn.Module) -> nn.Module:
    """Return a network without the wrapper of `torch.compile` or of several devices.

    Arguments:
        network: Any module.

    Raises:
        TypeError: Something else than a module.
        ValueError: A module whose tensors a model cannot replace.
    """
    if isinstance(network, type):
        raise TypeError(
            f"the network must be an object, not the class {network.__name__}; write "
            f"{network.__name__}(...)"
        )

    if not isinstance(network, nn.Module):
        raise TypeError(
            f"the network must be a torch.nn.Module, not {type(network).__name__}; write a class "
            "with a forward method, or nn.Sequential(...)"
        )

    network = _unwrapped(network)
    family = type(network).__name__
    for name, part in network.named_modules():
        if isinstance(part, torch.jit.ScriptModule):
            where = f"the part {name!r} of the network" if name else "the network"
            raise ValueError(
                f"{where} is a {type(part).__name__} of torch.jit, whose tensors cannot be "
                "replaced; give the nn.Module that it was made from"
            )

    _check_tensors(network, family)

    return network


def _unwrapped(network: nn.Module) -> nn.Module:
    """Return the module inside of wrappers that only run it."""
    parallel = (nn.DataParallel, nn.parallel.DistributedDataParallel)
    while True:
        if isinstance(network, parallel):
            network = network.module
        elif hasattr(
            network, "_orig_mod"
        ):  # of torch.compile; an engine compiles itself
            network = network.get_submodule("_orig_mod")
        else:
            return network


def _check_tensors(network: nn.Module, family: str) -> None:
    """Refuse parameters that have no values, or none that a distribution is defined for."""
    parameters = dict(network.named_parameters())
    for name, parameter in parameters.items():
        if is_lazy(parameter):
            raise ValueError(
                f"parameter {name!r} of {family} has no shape yet; run the network once on a "
                "batch first: network(x)"
            )

        if parameter.is_meta:
            raise ValueError(
                f"parameter {name!r} of {family} is on the device 'meta', without values; write "
                "network.to_empty(device='cpu') and load values"
            )

        if parameter.is_complex() and parameter.requires_grad:
            kind = str(parameter.dtype).removeprefix("torch.")
            raise ValueError(
                f"parameter {name!r} of {family} is complex ({kind}), and priors are over real "
                "tensors; keep real and imaginary part as two parameters and write "
                "torch.complex(real, imag) in forward, or freeze it by requires_grad_(False)"
            )

    if any("quantized" in type(layer).__module__ for layer in network.modules()):
        raise ValueError(
            f"{family} has quantised layers, whose weights are no real tensors; give the network "
            "before it was quantised"
        )

    if not parameters:
        raise ValueError(
            f"{family} has no parameters, so nothing of it can be random; give a network with a "
            "layer such as nn.Linear"
        )
