"""Many draws at once: programs drawn in one call, networks evaluated over draws and inputs in bounded chunks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.func import jvp, vmap

from zoo.predictive.chunks import chunk_sizes
from zoo.predictive.inputs import evaluate_once
from zoo.runtime.memory_format import channels_last, takes_channels_last
from zoo.runtime.modes import evaluation_mode
from zoo.runtime.progress import bar
from zoo.runtime.subnormals import flush_subnormals

if TYPE_CHECKING:
    from zoo.model import BayesianNetwork

PATIENCE = 3.0  # seconds before there is a progress bar


def evaluate_draws(
    model: BayesianNetwork,
    draws: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
    x: Tensor,
    centre: Mapping[str, Tensor] | None = None,
    progress: bool = False,
) -> Tensor:
    r"""Evaluate the network in evaluation mode for every draw, or its tangent at a centre: (S, N, ...).

    .. math:: f(x; z_s) \quad\text{or}\quad f(x; z^*) + J(x) (z_s - z^*)

    Vectorised over as many draws as a chunk holds beside its inputs. On a CPU chunks
    fit into the cache: where the inputs fill it (a thousand images), each draw is one
    plain pass, whose convolutions are faster than grouped ones. Layers that have no
    batching rule (GRU, LSTM) are run draw by draw.

    Arguments:
        model: The model whose network is evaluated.
        draws: Values (S, *shape) by site.
        state: Point estimates, frozen weights and buffers by name.
        x: Inputs (N, ...).
        centre: The value of every site at which to linearise; None does not.
        progress: Whether to show a progress bar when it takes seconds.
    """
    num_samples = len(next(iter(draws.values())))
    draws = {
        name: value
        for name, value in draws.items()
        if not name.startswith("likelihood:")
    }
    with torch.no_grad(), flush_subnormals(), evaluation_mode(model.network):
        if not draws:  # only the noise is random
            output = evaluate_once(model, state, x)
            return output.expand(num_samples, *output.shape)
        rows, chunk = chunk_sizes(model, draws, state, x, centre is not None)
        if chunk == 1 and takes_channels_last(
            model, {**state, **{name: value[0] for name, value in draws.items()}}, x
        ):
            x = channels_last(x)

        def one(values: dict[str, Tensor], part: Tensor) -> Tensor:
            if centre is None:
                return model.output({**state, **values}, part)
            at = {name: centre[name] for name in values}
            step = {name: value - at[name] for name, value in values.items()}
            value, slope = jvp(
                lambda tangent: model.output({**state, **tangent}, part), (at,), (step,)
            )
            return value + slope

        values = []
        with bar(num_samples * len(x), "predicting", progress, delay=PATIENCE) as shown:
            for part in x.split(rows):
                found = []
                for start in range(0, num_samples, chunk):
                    few = {
                        name: value[start : start + chunk]
                        for name, value in draws.items()
                    }
                    found.append(over_draws(partial(one, part=part), few))
                    shown.update(len(found[-1]) * len(part))
                values.append(torch.cat(found))
        return torch.cat(values, dim=1)


def over_draws(
    function: Callable[[dict[str, Tensor]], Tensor], draws: Mapping[str, Tensor]
) -> Tensor:
    """Run a function of one draw for several, (S, ...): together, or one by one where a layer has no batching rule."""
    count = len(next(iter(draws.values())))
    if count > 1:
        with contextlib.suppress(RuntimeError, NotImplementedError):
            return vmap(function)(dict(draws))
    return torch.stack(
        [
            function({name: value[i] for name, value in draws.items()})
            for i in range(count)
        ]
    )
