"""Networks evaluated over many draws and inputs, in chunks of bounded size."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import torch
from torch import Tensor
from torch.func import jvp, vmap
from tqdm.std import tqdm

from zoo.likelihoods.likelihood import is_noise_site
from zoo.predictive.chunks import chunk_sizes
from zoo.predictive.inputs import evaluate_once
from zoo.predictive.network_model import NetworkModel
from zoo.runtime.memory_format import channels_last, takes_channels_last
from zoo.runtime.modes import evaluation_mode
from zoo.runtime.progress import bar
from zoo.runtime.rows import Rows, num_rows, split
from zoo.runtime.subnormals import flush_subnormals

_PATIENCE = 3.0  # seconds before a progress bar is shown
Values = Mapping[str, Tensor]


def evaluate_draws(
    model: NetworkModel,
    draws: Values,
    state: Values,
    x: Rows,
    centre: Values | None = None,
    progress: bool = False,
) -> Tensor:
    r"""Evaluate the network in evaluation mode for every draw, or its linearisation: (S, N, ...).

    .. math:: f(x; z_s) \quad\text{or}\quad f(x; z^*) + J(x) (z_s - z^*)

    It is vectorised over as many draws as fit into a chunk together with their inputs.
    On a CPU chunks fit into the cache: if the inputs fill it (a thousand images), each
    draw is one plain pass, whose convolutions are faster than grouped ones. Layers that
    have no batching rule (GRU, LSTM) are run draw by draw.

    Arguments:
        model: The model whose network is evaluated.
        draws: Values (S, *shape) by site.
        state: Point estimates, frozen weights and buffers by name.
        x: Inputs (N, ...).
        centre: The value z* of every site around which the network is linearised; by
            default it is not.
        progress: Whether to show a progress bar when it takes seconds.
    """
    num_samples = _num_draws(draws)
    sites = {}
    for name, value in draws.items():
        if not is_noise_site(name):
            sites[name] = value

    with torch.no_grad(), flush_subnormals(), evaluation_mode(model.network):
        if not sites:  # only the noise is random
            output = evaluate_once(model, state, x)
            return output.expand(num_samples, *output.shape)

        is_linearised = centre is not None
        rows, at_once = chunk_sizes(model, sites, state, x, is_linearised)
        if at_once == 1 and _takes_channels_last(model, sites, state, x):
            x = channels_last(x)

        if centre is None:
            one_draw = partial(_output, model, state)
        else:
            one_draw = partial(_linearised_output, model, state, centre)

        num_outputs = num_samples * num_rows(x)
        with bar(num_outputs, "predicting", progress, delay=_PATIENCE) as shown:
            parts = []
            for part in split(x, rows):
                chunks = _chunks_of_draws(one_draw, sites, part, at_once, shown)
                outputs = torch.cat(list(chunks))  # (S, b, ...)
                parts.append(outputs)

        return torch.cat(parts, dim=1)


def over_draws(
    function: Callable[[dict[str, Tensor]], Tensor], draws: Values
) -> Tensor:
    """Run a function of one draw for several draws: (S, ...).

    They run together, or one by one if a layer has no batching rule.

    Arguments:
        function: A function of one draw, a dictionary of values by site.
        draws: Values (S, *shape) by site.
    """
    num_samples = _num_draws(draws)
    if num_samples > 1:
        with contextlib.suppress(RuntimeError, NotImplementedError):
            return vmap(function)(dict(draws))

    outputs = [function(_draw_at(draws, index)) for index in range(num_samples)]

    return torch.stack(outputs)


def _output(model: NetworkModel, state: Values, x: Rows, draw: Values) -> Tensor:
    """Return the network's output for one draw, (B, ...)."""
    return model.output({**state, **draw}, x)


def _linearised_output(
    model: NetworkModel, state: Values, centre: Values, x: Rows, draw: Values
) -> Tensor:
    """Return the output for one draw of the network linearised around a centre, (B, ...)."""
    primal = {}
    tangent = {}
    for name, value in draw.items():
        primal[name] = centre[name]
        tangent[name] = value - centre[name]

    output_of = partial(_output, model, state, x)
    output, derivative = jvp(output_of, (primal,), (tangent,))

    return output + derivative


def _chunks_of_draws(
    one_draw: Callable[..., Tensor],
    draws: Values,
    x: Rows,
    at_once: int,
    shown: tqdm,
) -> Iterator[Tensor]:
    """Give the outputs for all draws at some inputs, a chunk of draws at a time: (s, b, ...)."""
    num_samples = _num_draws(draws)
    at_these_inputs = partial(one_draw, x)

    for start in range(0, num_samples, at_once):
        chunk = {}
        for name, value in draws.items():
            chunk[name] = value[start : start + at_once]

        outputs = over_draws(at_these_inputs, chunk)
        shown.update(len(outputs) * num_rows(x))
        yield outputs


def _takes_channels_last(
    model: NetworkModel, draws: Values, state: Values, x: Rows
) -> bool:
    """Return whether the inputs are images that the network takes channels last."""
    values = {**state, **_draw_at(draws, 0)}
    evaluate = partial(model.output, values)

    return takes_channels_last(model.network, evaluate, x)


def _num_draws(draws: Values) -> int:
    """Return the number of draws S."""
    any_site = next(iter(draws.values()))

    return len(any_site)


def _draw_at(draws: Values, index: int) -> dict[str, Tensor]:
    """Return one of the draws."""
    draw = {}
    for name, value in draws.items():
        draw[name] = value[index]

    return draw
