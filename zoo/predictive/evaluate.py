"""Many draws at once: programs drawn in one call, networks evaluated over draws and inputs in bounded chunks."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

import pyro
import torch
from pyro import poutine
from torch import Tensor, nn
from torch.func import jvp, vmap

from zoo.runtime.memory_format import pixelwise, takes_pixelwise
from zoo.runtime.progress import bar
from zoo.runtime.subnormals import flushed

if TYPE_CHECKING:
    from zoo.model import BayesianNetwork

ELEMENTS = 2**24  # numbers that one chunk may hold, 64 MB in float32
CACHED = 2**21  # the same for each thread of a CPU, which is fast while a chunk is in its cache
PATIENCE = 3.0  # seconds before there is a progress bar
FEW = 8  # draws below which grouped convolutions on a CPU cost more than they save


def draw(program: Callable[..., object], num_samples: int, shapes: Mapping[str, torch.Size]) -> dict[str, Tensor]:
    """Draw the latent sites of a Pyro program many times: site -> (S, *shape).

    All draws come from one run inside a plate. A program that does not broadcast there is run S times.

    Arguments:
        program: A model or guide that runs without arguments.
        num_samples: Number of draws S.
        shapes: The sites to keep, with the shape of one draw.
    """
    if num_samples < 1:
        raise ValueError(f"num_samples is a number of draws, at least 1, not {num_samples}")
    with torch.no_grad(), pyro.validation_enabled(False):
        state = torch.get_rng_state()
        with contextlib.suppress(RuntimeError, ValueError):
            with pyro.plate("draws", num_samples, dim=-1):
                sites = poutine.trace(program).get_trace().nodes
            if all(sites[name]["value"].shape == (num_samples, *shape) for name, shape in shapes.items()):
                return {name: sites[name]["value"].clone() for name in shapes}
        torch.set_rng_state(state)
        runs = [poutine.trace(program).get_trace().nodes for _ in range(num_samples)]
        return {name: torch.stack([sites[name]["value"].clone() for sites in runs]) for name in shapes}


def outputs(
    model: BayesianNetwork,
    draws: Mapping[str, Tensor],
    state: Mapping[str, Tensor],
    x: Tensor,
    centre: Mapping[str, Tensor] | None = None,
    progress: bool = False,
) -> Tensor:
    r"""Evaluate the network in evaluation mode for every draw, or its tangent at a centre: (S, N, ...).

    .. math:: f(x; z_s) \quad\text{or}\quad f(x; z^*) + J(x) (z_s - z^*)

    Vectorised over as many draws as a chunk holds beside its inputs. On a CPU chunks fit into the cache: where the
    inputs fill it (a thousand images), each draw is one plain pass, whose convolutions are faster than grouped ones.
    Layers that have no batching rule (GRU, LSTM) are run draw by draw.

    Arguments:
        model: The model whose network is evaluated.
        draws: Values (S, *shape) by site.
        state: Point estimates, frozen weights and buffers by name.
        x: Inputs (N, ...).
        centre: The value of every site at which to linearise; None does not.
        progress: Whether to show a progress bar when it takes seconds.
    """
    num_samples = len(next(iter(draws.values())))
    draws = {name: value for name, value in draws.items() if not name.startswith("likelihood:")}
    with torch.no_grad(), flushed(), mode(model.network, training=False):
        if not draws:  # only the noise is random
            output = evaluate(model, state, x)
            return output.expand(num_samples, *output.shape)
        rows, chunk = chunk_sizes(model, draws, state, x, centre is not None)
        if chunk == 1 and takes_pixelwise(model, {**state, **{name: value[0] for name, value in draws.items()}}, x):
            x = pixelwise(x)

        def one(values: dict[str, Tensor], part: Tensor) -> Tensor:
            if centre is None:
                return model.output({**state, **values}, part)
            at = {name: centre[name] for name in values}
            step = {name: value - at[name] for name, value in values.items()}
            value, slope = jvp(lambda tangent: model.output({**state, **tangent}, part), (at,), (step,))
            return value + slope

        values = []
        with bar(num_samples * len(x), "predicting", progress, delay=PATIENCE) as shown:
            for part in x.split(rows):
                found = []
                for start in range(0, num_samples, chunk):
                    few = {name: value[start : start + chunk] for name, value in draws.items()}
                    found.append(over_draws(partial(one, part=part), few))
                    shown.update(len(found[-1]) * len(part))
                values.append(torch.cat(found))
        return torch.cat(values, dim=1)


def over_draws(function: Callable[[dict[str, Tensor]], Tensor], draws: Mapping[str, Tensor]) -> Tensor:
    """Run a function of one draw for several, (S, ...): together, or one by one where a layer has no batching rule."""
    count = len(next(iter(draws.values())))
    if count > 1:
        with contextlib.suppress(RuntimeError, NotImplementedError):
            return vmap(function)(dict(draws))
    return torch.stack([function({name: value[i] for name, value in draws.items()}) for i in range(count)])


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
            evaluate(model, {name: value.detach() for name, value in state.items()} | first, x, rows=1)
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
    rows = even(len(x), most // max(x[:1].numel(), *shared, wide * FEW if sharing else wide))
    count = most // (rows * wide + weights)
    if on_cpu and count < FEW and not sharing:
        count = 1
    return rows, even(len(next(iter(draws.values()))), count)


def even(total: int, most: int) -> int:
    """Return the size of parts that share a total evenly, each of at most so many, and of one at least."""
    parts = math.ceil(total / max(1, most))
    return math.ceil(total / parts)


def evaluate(model: BayesianNetwork, values: Mapping[str, Tensor], x: Tensor, rows: int | None = None) -> Tensor:
    """Evaluate the network at the first rows of inputs, or say that it does not take them."""
    try:
        return model.output(values, x[:rows])
    except (RuntimeError, ValueError, TypeError, IndexError, AssertionError) as error:
        raise ValueError(
            f"{type(model.network).__name__} does not take inputs of shape {tuple(x.shape)}: {error}"
        ) from error


def placed_inputs(model: BayesianNetwork, x: Tensor) -> Tensor:
    """Move inputs to predict at to the model's device, and floating ones to its dtype, or refuse them."""
    if len(x) == 0:
        raise ValueError(f"there are no inputs to predict at: they have shape {tuple(x.shape)}")
    if not bool(torch.isfinite(x).all()):
        raise ValueError("the inputs to predict at hold NaN or infinite values; remove or impute them first")
    like = model.reference
    return x.to(like.device, like.dtype if x.is_floating_point() else x.dtype)


@contextlib.contextmanager
def fitting(model: BayesianNetwork) -> Iterator[None]:
    """Put a network into training mode, but for the parts whose weights are all frozen: they stay what they are."""
    frozen = set(model.plan.frozen)
    with mode(model.network, training=True):
        for name, part in model.network.named_modules():
            own = {f"{name}.{key}" if name else key for key, _ in part.named_parameters()}
            if own and own <= frozen:
                part.eval()
        yield


@contextlib.contextmanager
def mode(network: nn.Module, training: bool) -> Iterator[None]:
    """Put a network into a mode, and every layer back into its own afterwards."""
    before = [(layer, layer.training) for layer in network.modules()]
    network.train(training)
    try:
        yield
    finally:
        for layer, was in before:
            layer.training = was
