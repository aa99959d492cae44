"""The statistics of batch normalisation at other weights than those of the fit."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from zoo.model import BayesianNetwork
from zoo.posterior.mean_network import mean_network
from zoo.predictive.network_call import call_arguments
from zoo.runtime.network_call import copied
from zoo.runtime.rows import Rows, split

_BATCH = 1000  # data whose statistics are taken at once


def statistics(network: nn.Module) -> list[str]:
    """Return the names of the running means and variances of a network."""
    names = []
    for layer, module in network.named_modules():
        if isinstance(module, _BatchNorm) and module.running_mean is not None:
            prefix = f"{layer}." if layer else ""
            names += [f"{prefix}running_mean", f"{prefix}running_var"]

    return names


def recomputed(
    model: BayesianNetwork,
    draws: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
    x: Rows,
) -> dict[str, Tensor]:
    """Return the statistics of all data under each draw, (S, *shape) by name.

    Means and variances are those of batches of 1000 data, averaged. Dropout is off.

    References:
        Averaging Weights Leads to Wider Optima and Better Generalization (Izmailov,
            Podoprikhin, Garipov, Vetrov, Wilson, 2018), section 3.2

    Arguments:
        model: The model.
        draws: Draws (S, *shape) of every latent site.
        state: Point estimates, frozen weights and buffers by name.
        x: All inputs (N, ...).
    """
    names = statistics(model.network)
    num_draws = len(next(iter(draws.values())))

    rows: dict[str, list[Tensor]] = {name: [] for name in names}
    for number in range(num_draws):
        draw = {name: value[number] for name, value in draws.items()}
        network = mean_network(model, {**state, **draw})
        _update(network, x)

        buffers = dict(network.named_buffers())
        for name in names:
            rows[name].append(buffers[name])

    return {name: torch.stack(values) for name, values in rows.items()}


def normalised_by_batch(model: BayesianNetwork) -> BayesianNetwork:
    """Return a copy of a model whose batch normalisation has the statistics of every batch.

    It has no running statistics, which vectorised calls could not update.

    Arguments:
        model: The model; without batch normalisation it is returned as it is.
    """
    if not statistics(model.network):
        return model

    copy = copied(model)
    for module in copy.network.modules():
        if isinstance(module, _BatchNorm):
            module.running_mean = module.running_var = None
            module.num_batches_tracked = None
            module.track_running_stats = False

    return copy


@torch.no_grad()
def _update(network: nn.Module, x: Rows) -> None:
    """Set the statistics of a network to those of the data."""
    network.eval()
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            module.reset_running_stats()
            module.momentum = None  # the average over batches
            module.train()

    for part in split(x, _BATCH):
        arguments, keywords = call_arguments(network, part)
        network(*arguments, **keywords)
