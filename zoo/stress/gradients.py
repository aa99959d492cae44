"""How a posterior's loss changes with its input: what attacks and fooling patterns climb."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from zoo.model import BayesianNetwork
from zoo.posterior.posterior import Posterior
from zoo.predictive.chunks import CACHED, ELEMENTS, even
from zoo.predictive.evaluate import over_draws
from zoo.predictive.inputs import evaluate_once
from zoo.runtime.memory_format import channels_last, takes_channels_last
from zoo.runtime.modes import evaluation_mode
from zoo.runtime.subnormals import flush_subnormals
from zoo.stress.evaluation import Draws

TOGETHER = 10  # draws whose layers are computed at once
Loss = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def loss_and_slope(
    posterior: Posterior,
    draws: Draws,
    standardise: Callable[[Tensor], Tensor],
    pixels: Tensor,
) -> Loss:
    r"""Return a function of pixels and labels: the loss of each image, (N,), and its slope in every pixel, (N, ...).

    .. math:: L(x, y) = -\log \frac1S \sum_s p(y \mid x, w_s), \qquad
        \nabla L = -\sum_s r_s \nabla \log p(y \mid x, w_s), \quad r_s \propto p(y \mid x, w_s)

    Some draws and some images go together, so that what a backward pass keeps is
    bounded.

    Arguments:
        posterior: The posterior that the draws are of.
        draws: Values (S, *shape) by site, on the model's device.
        standardise: Turns pixels into what the network takes.
        pixels: Images like those that are to come, (N, ...).
    """
    model = posterior.model
    sites = {
        name: value
        for name, value in draws.items()
        if not name.startswith("likelihood:")
    }
    num_samples = len(next(iter(sites.values())))
    first = posterior.state | {name: value[0] for name, value in sites.items()}
    most = ELEMENTS if pixels.is_cuda else min(ELEMENTS, 4 * CACHED)
    with evaluation_mode(model.network):
        evaluate = partial(model.output, first)
        by_pixel = takes_channels_last(model.network, evaluate, standardise(pixels[:1]))
    together = (
        1 if by_pixel else min(num_samples, TOGETHER)
    )  # on a CPU grouped convolutions cost more than they save
    rows = even(
        len(pixels), most // (together * kept(model, first, standardise(pixels[:1])))
    )

    def chunk(values: Draws, part: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return log sum_s p(y | x, w_s) over some draws, and its slope."""
        point = part.detach().requires_grad_()
        x = channels_last(standardise(point)) if by_pixel else standardise(point)
        output = over_draws(
            lambda draw: model.output({**posterior.state, **draw}, x), values
        )  # (S, n, O)
        log_prob = model.likelihood.distribution(output, {}).log_prob(
            model.likelihood.encode(y, output)
        )
        total = log_prob.reshape(len(output), len(part)).logsumexp(0)
        return total.detach(), torch.autograd.grad(total.sum(), point)[0]

    def of_part(part: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        starts = range(0, num_samples, together)
        found = [
            chunk({name: v[i : i + together] for name, v in sites.items()}, part, y)
            for i in starts
        ]
        values, slopes = (torch.stack(column) for column in zip(*found, strict=True))
        shares = values.softmax(0).reshape(*values.shape, *[1] * (part.dim() - 1))
        return math.log(num_samples) - values.logsumexp(0), -(shares * slopes).sum(0)

    def loss(current: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad(), flush_subnormals(), evaluation_mode(model.network):
            found = [
                of_part(*parts)
                for parts in zip(current.split(rows), y.split(rows), strict=True)
            ]
        return tuple(torch.cat(column) for column in zip(*found, strict=True))

    return loss


def kept(model: BayesianNetwork, values: Draws, x: Tensor) -> int:
    """Count the numbers that the layers give for one image, which a backward pass keeps."""
    counts = [x.numel()]

    def watch(layer: nn.Module, _inputs: object, out: object) -> None:
        if isinstance(out, Tensor) and not list(layer.children()):
            counts.append(out.numel())

    hooks = [layer.register_forward_hook(watch) for layer in model.network.modules()]
    try:
        with torch.no_grad(), evaluation_mode(model.network):
            evaluate_once(model, values, x)
    finally:
        for hook in hooks:
            hook.remove()
    return sum(counts)
