"""The sizes of chunks: how many inputs and draws fit into a bounded amount of memory."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from zoo.predictive.inputs import evaluate_once
from zoo.predictive.network_model import NetworkModel
from zoo.runtime.rows import Rows, first, num_elements, num_rows, tensors_of

ELEMENTS = 2**24  # that one chunk may hold, 64 MB in float32
CACHED = 2**21  # the same for each thread of a CPU: a chunk that fits into its cache
_FEW = 8  # draws below which grouped convolutions on a CPU cost more than they save


class _Widths(NamedTuple):
    """Elements of the widest layer outputs at one input."""

    shared: int  # of the layers whose output is the same for all draws, 0 without any
    drawn: int  # of the layers whose output depends on the draw


def chunk_sizes(
    model: NetworkModel,
    draws: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
    x: Rows,
    linearised: bool = False,
) -> tuple[int, int]:
    """Return how many inputs and how many draws go into one chunk; chunks have even sizes.

    A chunk holds the widest layer's output for its inputs, and for each of its draws
    the widest output and the weights that depend on the draw. Outputs that do not depend
    on the draw are computed once for a chunk. If only a few draws fit into a chunk on a
    CPU, it holds one draw, unless the widest layer is one that the draws share.

    Arguments:
        model: The model whose network is evaluated.
        draws: Values (S, *shape) by site, and of buffers that differ between draws.
        state: Point estimates, frozen weights and buffers by name.
        x: Inputs (N, ...).
        linearised: Whether the network is linearised, so that draws share one pass.
    """
    shared, drawn = _layer_widths(model, draws, state, x)
    is_sharing = linearised or shared > drawn

    on_cpu = tensors_of(x)[0].device.type == "cpu"
    capacity = ELEMENTS
    if on_cpu:
        capacity = min(ELEMENTS, CACHED * torch.get_num_threads())

    at_least = _FEW if is_sharing else 1  # draws in a chunk
    input_width = num_elements(first(x, 1))
    widest = max(input_width, shared, drawn * at_least)
    fitting_rows = capacity // widest
    num_data = num_rows(x)
    rows = num_data if model.whole else even(num_data, fitting_rows)

    num_samples = len(next(iter(draws.values())))
    num_weights = _num_random_weights(model, draws)
    num_measured = (
        1 if model.whole else rows
    )  # the widths are those of all rows at once
    fitting = capacity // (num_measured * drawn + num_weights)
    if on_cpu and fitting < _FEW and not is_sharing:
        fitting = 1

    return rows, even(num_samples, fitting)


def even(total: int, most: int) -> int:
    """Return the size of parts that share a total evenly.

    Arguments:
        total: Their sum.
        most: The largest size of a part; below one it counts as one.
    """
    num_parts = math.ceil(total / max(1, most))

    return math.ceil(total / num_parts)


def _layer_widths(
    model: NetworkModel,
    draws: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
    x: Rows,
) -> _Widths:
    """Return the widest layer outputs at one input, from a pass with the first draw.

    An output that requires a gradient depends on the draw. In inference mode none does,
    and all outputs count as drawn.
    """
    shared: list[int] = [0]
    drawn: list[int] = []

    def note_width(_layer: nn.Module, _inputs: tuple, output: object) -> None:
        if isinstance(output, Tensor):
            widths = drawn if output.requires_grad else shared
            widths.append(output.numel())

    values = {name: value.detach() for name, value in state.items()}
    buffers = dict(model.network.named_buffers())
    for name, value in draws.items():
        draw = value[0].detach()
        values[name] = draw if name in buffers else draw.requires_grad_()

    hooks = [
        layer.register_forward_hook(note_width) for layer in model.network.modules()
    ]
    try:
        with torch.enable_grad():
            evaluate_once(model, values, x, rows=1)
    finally:
        for hook in hooks:
            hook.remove()

    return _Widths(max(shared), max(drawn or shared))


def _num_random_weights(model: NetworkModel, draws: Mapping[str, Tensor]) -> int:
    """Count the elements of the weights that depend on the draw."""
    nodes = model.plan.nodes
    names = {nodes[site].weight if site in nodes else site for site in draws}

    num_weights = 0
    for name, parameter in model.network.named_parameters(remove_duplicate=False):
        if name in names:
            num_weights += parameter.numel()

    return num_weights
