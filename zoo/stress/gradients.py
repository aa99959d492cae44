"""The loss of an averaged prediction, and its gradient with respect to the pixels."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from zoo.model import BayesianNetwork
from zoo.predictive.chunks import CACHED, ELEMENTS, even
from zoo.predictive.evaluate import over_draws
from zoo.predictive.inputs import evaluate_once
from zoo.runtime.memory_format import channels_last, takes_channels_last
from zoo.runtime.modes import evaluation_mode
from zoo.runtime.subnormals import flush_subnormals
from zoo.stress.draws import NetworkDraws

_DRAWS_AT_ONCE = 10


class LossGradient(NamedTuple):
    """The loss of each image and its gradient with respect to each pixel.

    Arguments:
        loss: Losses in nats, (N,).
        gradient: Gradients, (N, ...).
    """

    loss: Tensor
    gradient: Tensor


Loss = Callable[[Tensor, Tensor], LossGradient]


def loss_and_gradient(
    draws: NetworkDraws, standardise: Callable[[Tensor], Tensor], pixels: Tensor
) -> Loss:
    r"""Return a function of pixels (N, ...) and labels (N,): the losses and their gradients.

    .. math:: L(x, y) = -\log \frac1S \sum_s p(y \mid x, w_s), \qquad
        \nabla L = -\sum_s r_s \nabla \log p(y \mid x, w_s), \quad r_s \propto p(y \mid x, w_s)

    A backward pass is over some of the draws and some of the images, so that its memory
    is bounded.

    Arguments:
        draws: The draws over which predictions are averaged.
        standardise: Converts pixels to the units of the network.
        pixels: Images of the same shape as those that the function is called with,
            (N, ...).
    """
    draws = draws.of_network()
    model = draws.model

    first_draw = {name: value[0] for name, value in draws.values.items()}
    values = {**draws.state, **first_draw}

    example = standardise(pixels[:1])

    evaluate = partial(model.output, values)
    with evaluation_mode(model.network):
        use_channels_last = takes_channels_last(model.network, evaluate, example)

    draws_at_once = min(len(draws), _DRAWS_AT_ONCE)
    if use_channels_last:
        draws_at_once = 1  # on a CPU grouped convolutions cost more than they save

    elements = ELEMENTS if pixels.is_cuda else min(ELEMENTS, 4 * CACHED)
    elements_an_image = draws_at_once * _activations(model, values, example)
    images_at_once = even(len(pixels), elements // elements_an_image)

    def network_input(part: Tensor) -> Tensor:
        x = standardise(part)
        return channels_last(x) if use_channels_last else x

    mixture = _MixtureLoss(draws, draws_at_once, network_input)

    def loss(current: Tensor, y: Tensor) -> LossGradient:
        parts = current.split(images_at_once)
        labels = y.split(images_at_once)
        with torch.enable_grad(), flush_subnormals(), evaluation_mode(model.network):
            found = list(map(mixture, parts, labels))

        losses = [part.loss for part in found]
        gradients = [part.gradient for part in found]

        return LossGradient(torch.cat(losses), torch.cat(gradients))

    return loss


@dataclass(frozen=True)
class _MixtureLoss:
    """The loss of the averaged prediction for images that fit into memory together.

    Arguments:
        draws: The draws of the network's sites.
        draws_at_once: Number of draws in one backward pass.
        network_input: Converts pixels to the input of the network.
    """

    draws: NetworkDraws
    draws_at_once: int
    network_input: Callable[[Tensor], Tensor]

    def __call__(self, pixels: Tensor, y: Tensor) -> LossGradient:
        """Return the loss of each image, (n,), and its gradient, (n, ...)."""
        num_samples = len(self.draws)

        log_sums = []
        gradients = []
        for start in range(0, num_samples, self.draws_at_once):
            chunk = self.draws[start : start + self.draws_at_once]
            log_sum, gradient = self.log_sum(chunk, pixels, y)
            log_sums.append(log_sum)
            gradients.append(gradient)

        log_sum = torch.stack(log_sums)  # (chunks, n)
        loss = math.log(num_samples) - log_sum.logsumexp(0)

        weights = log_sum.softmax(0)
        pixel_dims = [1] * (pixels.dim() - 1)
        weights = weights.reshape(*weights.shape, *pixel_dims)
        gradient = -(weights * torch.stack(gradients)).sum(0)

        return LossGradient(loss, gradient)

    def log_sum(
        self, chunk: NetworkDraws, pixels: Tensor, y: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return log sum_s p(y | x, w_s) over some draws, (n,), and its gradient, (n, ...)."""
        model = chunk.model
        pixels = pixels.detach().requires_grad_()

        x = self.network_input(pixels)

        def output_of(draw: dict[str, Tensor]) -> Tensor:
            return model.output({**chunk.state, **draw}, x)

        output = over_draws(output_of, chunk.values)  # (S, n, O)

        labels = model.likelihood.encode(y, output)
        distribution = model.likelihood.distribution(output, {})
        log_prob = distribution.log_prob(labels)

        log_prob = log_prob.reshape(len(output), len(pixels))  # (S, n)

        log_sum = log_prob.logsumexp(0)
        (gradient,) = torch.autograd.grad(log_sum.sum(), pixels)

        return log_sum.detach(), gradient


def _activations(
    model: BayesianNetwork, values: Mapping[str, Tensor], x: Tensor
) -> int:
    """Count the elements that the layers return for one image; a backward pass keeps them."""
    counts = [x.numel()]

    def count(layer: nn.Module, _inputs: tuple[Tensor, ...], out: object) -> None:
        is_leaf = not list(layer.children())
        if isinstance(out, Tensor) and is_leaf:
            counts.append(out.numel())

    hooks = [layer.register_forward_hook(count) for layer in model.network.modules()]
    try:
        with torch.no_grad(), evaluation_mode(model.network):
            evaluate_once(model, values, x)
    finally:
        for hook in hooks:
            hook.remove()

    return sum(counts)
