"""Many fits of one model and guide at once: an ELBO vectorised over data sets and inits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyro
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap
from tqdm.auto import tqdm

from zoo.inference.svi.elbo import elbo
from zoo.model import BayesianNetwork
from zoo.tracing.traced import Traced


def fit_many(
    model: BayesianNetwork,
    guides: Sequence[nn.Module],
    x: Tensor,
    y: Tensor,
    *,
    num_steps: int,
    batch_size: int,
    lr: float,
    label: str = "",
    compile: bool = True,
) -> Tensor:
    """Fit R guides of one family, each to its own data.

    A step is one call of a traced and compiled graph, with separate noise for every fit.
    The guide must draw its noise out of place, as point masses and dropout do; torch's
    normal distributions do not. The rows of a batch are the same positions in every data
    set; an epoch takes each row once.

    Arguments:
        model: The model, without point estimates.
        guides: R guides over it, fitted in place.
        x: Inputs (R, N, D).
        y: Targets (R, N, O).
        num_steps: Number of Adam steps.
        batch_size: Size B of a batch.
        lr: Learning rate.
        label: Text of the progress bar.
        compile: Whether to compile the graph; it takes seconds, and saves time after some
            hundred steps.

    Returns:
        The losses of the last step, (R,), in nats per datum.
    """
    num_data = x.shape[1]
    batch_size = min(batch_size, num_data)
    stacked = _stacked_parameters(guides)  # (R, *shape) each

    step = _step(model, guides[0], list(stacked), num_data)
    run = Traced(step, compile="auto" if compile else "traced", calls=num_steps)
    optimizer = torch.optim.Adam(stacked.values(), lr=lr)

    queue = torch.empty(0, dtype=torch.long)
    for _ in tqdm(range(num_steps), desc=label, leave=False, mininterval=5):
        if len(queue) < batch_size:
            queue = torch.cat([queue, torch.randperm(num_data)])
        rows = queue[:batch_size].to(x.device)
        queue = queue[batch_size:]

        with pyro.validation_enabled(False):
            *gradients, losses = run(*stacked.values(), x[:, rows], y[:, rows])
        for tensor, gradient in zip(stacked.values(), gradients, strict=True):
            tensor.grad = gradient
        optimizer.step()

    for number, guide in enumerate(guides):
        own = {name: tensor[number] for name, tensor in stacked.items()}
        guide.load_state_dict(own)
    return losses


def _stacked_parameters(guides: Sequence[nn.Module]) -> dict[str, Tensor]:
    """Return the parameters of all guides by name, (R, *shape) each."""
    parameters = [dict(guide.named_parameters()) for guide in guides]
    stacked = {}
    for name in parameters[0]:
        each = [own[name].detach() for own in parameters]
        stacked[name] = torch.stack(each)

    return stacked


def _step(
    model: BayesianNetwork, guide: nn.Module, names: Sequence[str], num_data: int
) -> Callable[..., tuple[Tensor, ...]]:
    """Return a function of all parameters, inputs and targets: all gradients, and the losses.

    Arguments:
        model: The model.
        guide: One of the guides.
        names: Names of the guide's parameters.
        num_data: Number of data N.
    """

    def loss(parameters: Mapping[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        def drawn(*_args: Any, **_kwargs: Any) -> dict[str, Tensor]:
            return functional_call(guide, parameters, ())

        return -elbo(model, drawn, x, y, num_data=num_data) / num_data

    over_fits = vmap(grad_and_value(loss), randomness="different")

    def step(*inputs: Tensor) -> tuple[Tensor, ...]:
        *values, x, y = inputs
        parameters = dict(zip(names, values, strict=True))
        gradients, losses = over_fits(parameters, x, y)
        return (*[gradients[name] for name in names], losses)

    return step
