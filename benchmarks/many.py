"""Many fits of one model and guide at once: an ELBO vectorised over data sets and starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
    """Fit R guides of one family, each to its own data, and return the last losses (R,) in nats per datum.

    One step is one call of a traced and compiled graph, with noise of its own for every
    fit; the guide must draw it out of place, as point masses and dropout do and torch's
    normals do not. The rows of a batch are the same positions in every data set; a pass
    takes each row once.

    Arguments:
        model: The model, without point estimates.
        guides: R guides over it, fitted in place.
        x: Inputs (R, N, D).
        y: Targets (R, N, O).
        num_steps: Adam steps.
        batch_size: Size B of a batch.
        lr: Learning rate.
        label: What the progress bar says.
        compile: Whether to compile the graph; it takes seconds, and pays after some
            hundred steps.
    """
    num_data, batch_size = x.shape[1], min(batch_size, x.shape[1])
    names = [name for name, _ in guides[0].named_parameters()]
    stacked = [
        torch.stack([dict(guide.named_parameters())[name].detach() for guide in guides])
        for name in names
    ]

    def loss(parameters: Mapping[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        def guide(*args: object, **kwargs: object) -> object:
            return functional_call(guides[0], parameters, ())

        return -elbo(model, guide, x, y, num_data=num_data) / num_data

    def step(*inputs: Tensor) -> tuple[Tensor, ...]:
        parameters = dict(zip(names, inputs[:-2], strict=True))
        slopes, losses = vmap(grad_and_value(loss), randomness="different")(
            parameters, *inputs[-2:]
        )
        return (*(slopes[name] for name in names), losses)

    run = Traced(step, compile="auto" if compile else "traced", calls=num_steps)
    optimizer = torch.optim.Adam(stacked, lr=lr)
    queue = torch.empty(0, dtype=torch.long)
    for _ in tqdm(range(num_steps), desc=label, leave=False, mininterval=5):
        if len(queue) < batch_size:
            queue = torch.cat([queue, torch.randperm(num_data)])
        rows, queue = queue[:batch_size].to(x.device), queue[batch_size:]
        with pyro.validation_enabled(False):
            *slopes, losses = run(*stacked, x[:, rows], y[:, rows])
        for tensor, slope in zip(stacked, slopes, strict=True):
            tensor.grad = slope
        optimizer.step()
    for number, guide in enumerate(guides):
        guide.load_state_dict(
            {name: tensor[number] for name, tensor in zip(names, stacked, strict=True)}
        )
    return losses
