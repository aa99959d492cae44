"""Many draws at once: programs drawn in one call, networks evaluated over draws and inputs in bounded chunks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import pyro
import torch
from pyro import poutine
from torch import Tensor, nn
from torch.func import jvp, vmap

if TYPE_CHECKING:
    from zoo.model import BayesianNetwork

ELEMENTS = 2**24  # numbers that one chunk may hold, 64 MB in float32


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
) -> Tensor:
    r"""Evaluate the network in evaluation mode for every draw, or its tangent at a centre: (S, N, ...).

    .. math:: f(x; z_s) \quad\text{or}\quad f(x; z^*) + J(x) (z_s - z^*)

    Vectorised over draws; layers that have no batching rule (GRU, LSTM) are run draw by draw.

    Arguments:
        model: The model whose network is evaluated.
        draws: Values (S, *shape) by site.
        state: Point estimates, frozen weights and buffers by name.
        x: Inputs (N, ...).
        centre: The value of every site at which to linearise; None does not.
    """
    num_samples = len(next(iter(draws.values())))
    draws = {name: value for name, value in draws.items() if not name.startswith("likelihood:")}
    with torch.no_grad(), mode(model.network, training=False):
        if not draws:  # only the noise is random
            output = evaluate(model, state, x)
            return output.expand(num_samples, *output.shape)
        rows, chunk = chunk_sizes(model, draws, state, x)

        def one(values: dict[str, Tensor], part: Tensor) -> Tensor:
            if centre is None:
                return model.output({**state, **values}, part)
            at = {name: centre[name] for name in values}
            step = {name: value - at[name] for name, value in values.items()}
            value, slope = jvp(lambda tangent: model.output({**state, **tangent}, part), (at,), (step,))
            return value + slope

        def some(values: dict[str, Tensor], part: Tensor) -> Tensor:
            try:
                return vmap(one, in_dims=(0, None))(values, part)
            except (RuntimeError, NotImplementedError):
                count = len(next(iter(values.values())))
                return torch.stack([one({n: v[i] for n, v in values.items()}, part) for i in range(count)])

        return torch.cat(
            [
                torch.cat(
                    [
                        some({n: v[start : start + chunk] for n, v in draws.items()}, part)
                        for start in range(0, num_samples, chunk)
                    ]
                )
                for part in x.split(rows)
            ],
            dim=1,
        )


def chunk_sizes(
    model: BayesianNetwork, draws: Mapping[str, Tensor], state: Mapping[str, Tensor], x: Tensor
) -> tuple[int, int]:
    """Return how many inputs and how many draws fit into one chunk, from the widest layer for one input."""
    widest = [x[:1].numel()]
    hooks = [
        layer.register_forward_hook(lambda _m, _i, out: widest.append(out.numel()) if isinstance(out, Tensor) else None)
        for layer in model.network.modules()
    ]
    try:
        evaluate(model, {**state, **{name: value[0] for name, value in draws.items()}}, x, rows=1)
    finally:
        for hook in hooks:
            hook.remove()
    rows = max(1, min(len(x), ELEMENTS // max(widest)))
    weights = sum(value[0].numel() for value in draws.values())
    return rows, max(1, ELEMENTS // (rows * max(widest) + weights))


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
