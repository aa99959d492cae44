"""How many inputs and draws are evaluated at once, so that memory is bounded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from zoo.predictive.inputs import evaluate_once

if TYPE_CHECKING:
    from zoo.model import BayesianNetwork

ELEMENTS = 2**24  # numbers that one chunk may hold, 64 MB in float32
CACHED = (
    2**21
)  # the same for each thread of a CPU, which is fast while a chunk is in its cache
FEW = 8  # draws below which grouped convolutions on a CPU cost more than they save


def chunk_sizes(
    model: BayesianNetwork,
    draws: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
    x: Tensor,
    linearised: bool = False,
) -> tuple[int, int]:
    """Return how many inputs and how many draws go into one chunk, in parts of even size.

    A chunk holds the widest layer's output for its inputs, and for each of its draws the widest output and the weights
    that depend on the draw. What does not depend on it is computed once a chunk. On a CPU draws go one by one where
    few of them fit into a chunk, unless the widest layer is one that they share.
    """
    shared, drawn = [], []

    def watch(_layer: nn.Module, _inputs: object, out: object) -> None:
        if isinstance(out, Tensor):
            (drawn if out.requires_grad else shared).append(out.numel())

    hooks = [layer.register_forward_hook(watch) for layer in model.network.modules()]
    first = {name: value[0].detach().requires_grad_() for name, value in draws.items()}
    try:
        with torch.enable_grad():  # which tells what depends on a draw
            evaluate_once(
                model,
                {name: value.detach() for name, value in state.items()} | first,
                x,
                rows=1,
            )
    finally:
        for hook in hooks:
            hook.remove()
    nodes, own = model.plan.nodes, dict(model.network.named_parameters())
    random = {nodes[name].weight if name in nodes else name for name in draws}
    weights = sum(own[name].numel() for name in random if name in own)
    wide = max(drawn or shared)  # in inference mode nothing tells
    sharing = linearised or max(shared, default=0) > wide
    on_cpu = x.device.type == "cpu"
    most = min(ELEMENTS, CACHED * torch.get_num_threads()) if on_cpu else ELEMENTS
    rows = even(
        len(x), most // max(x[:1].numel(), *shared, wide * FEW if sharing else wide)
    )
    count = most // (rows * wide + weights)
    if on_cpu and count < FEW and not sharing:
        count = 1
    return rows, even(len(next(iter(draws.values()))), count)


def even(total: int, most: int) -> int:
    """Return the size of parts that share a total evenly, each of at most so many, and of one at least."""
    parts = math.ceil(total / max(1, most))
    return math.ceil(total / parts)
