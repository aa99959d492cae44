"""The statistics of batch normalisation at other weights than those of the fit."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from zoo.data import Batches
from zoo.model import BayesianNetwork
from zoo.posterior.mean_network import mean_network
from zoo.predictive.chunks import even
from zoo.predictive.network_call import call_arguments
from zoo.runtime.modes import training_mode
from zoo.runtime.network_call import copied
from zoo.runtime.rows import Rows, num_rows, split

_BATCH = 250  # data whose statistics are taken at once: more leave the caches


def statistics(network: nn.Module, frozen: Collection[str] = ()) -> list[str]:
    """Return the names of the running means and variances that a fit changes.

    Those of frozen layers, and of layers that the user has put into evaluation mode, are
    not among them.

    Arguments:
        network: The network.
        frozen: Names of its frozen parameters.
    """
    names = []
    with training_mode(network, frozen):
        for layer, module in network.named_modules():
            has_statistics = isinstance(module, _BatchNorm) and module.training
            if has_statistics and module.running_mean is not None:
                names += _names_of(layer)

    return names


def recomputed(
    model: BayesianNetwork,
    draws: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
    x: Rows | Batches,
) -> dict[str, Tensor]:
    """Return the statistics of all data under each draw, (S, *shape) by name.

    Means and variances are those of batches, averaged: of 250 data, or of those that a
    loader gives. Dropout is off.

    References:
        Averaging Weights Leads to Wider Optima and Better Generalization (Izmailov,
            Podoprikhin, Garipov, Vetrov, Wilson, 2018), section 3.2

    Arguments:
        model: The model.
        draws: Draws (S, *shape) of every latent site.
        state: Point estimates, frozen weights and buffers by name.
        x: All inputs (N, ...), or batches of them.
    """
    names = statistics(model.network, model.plan.frozen)
    num_draws = len(next(iter(draws.values())))

    rows: dict[str, list[Tensor]] = {name: [] for name in names}
    for number in range(num_draws):
        draw = {name: value[number] for name, value in draws.items()}
        network = mean_network(model, {**state, **draw})
        _update(network, names, x)

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
def _update(network: nn.Module, names: list[str], x: Rows | Batches) -> None:
    """Set the named statistics of a network to those of the data."""
    network.eval()
    for layer, module in network.named_modules():
        if isinstance(module, _BatchNorm) and _names_of(layer)[0] in names:
            module.reset_running_stats()
            module.momentum = None  # the average over batches
            module.train()

    for part in _parts(x):
        arguments, keywords = call_arguments(network, part)
        network(*arguments, **keywords)


def _parts(x: Rows | Batches) -> Iterator[Rows]:
    """Give all inputs in parts."""
    if isinstance(x, Batches) and x.x is None:
        for inputs, _ in x.epoch():
            yield inputs
        return

    inputs = x.x if isinstance(x, Batches) else x
    yield from split(inputs, even(num_rows(inputs), _BATCH))


def _names_of(layer: str) -> list[str]:
    """Return the names of the statistics of a layer."""
    prefix = f"{layer}." if layer else ""
    return [f"{prefix}running_mean", f"{prefix}running_var"]
