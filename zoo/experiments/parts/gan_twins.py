"""Generative adversarial networks by Adam: alone, and with the terms of the released program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from zoo.experiments.parts.gan_case import GanCase
from zoo.runtime.half_precision import half_products, in_single, products_in
from zoo.runtime.subnormals import flush_subnormals

_BETAS = (0.5, 0.999)  # as in the paper on DCGAN
_ALPHA = 0.01  # friction of the released program, in the size of its noise


def adam_gan(case: GanCase, x: Tensor, num_steps: int, seed: int) -> nn.Module:
    """Return a generator that was trained against a discriminator of its own.

    References:
        Generative Adversarial Nets (Goodfellow, Pouget-Abadie, Mirza, Xu, Warde-Farley, Ozair,
        Courville, Bengio, 2014)

    Arguments:
        case: The networks.
        x: Real data, (N, ...).
        num_steps: Number of steps of each network.
        seed: Seed of all random numbers.
    """
    [generator] = _train(case, x, num_steps, seed, number=1, is_released=False)
    return generator


def released_gans(
    case: GanCase, x: Tensor, num_steps: int, seed: int, number: int
) -> list[nn.Module]:
    """Return generators that were trained as in the program released with the paper.

    Several generators have one discriminator. To the mean loss of a datum the mean square of
    each tensor and noise times the weights are added, both over N, and Adam minimises it.

    References:
        Bayesian GAN (Saatci, Wilson, 2017), andrewgordonwilson/bayesgan

    Arguments:
        case: The networks.
        x: Real data, (N, ...).
        num_steps: Number of steps of each network.
        seed: Seed of all random numbers.
        number: Number of generators.
    """
    return _train(case, x, num_steps, seed, number=number, is_released=True)


def made_by_networks(
    generators: Sequence[nn.Module], case: GanCase, number: int
) -> Tensor:
    """Return data that each generator makes in evaluation mode, (C, number, ...)."""
    with torch.no_grad(), flush_subnormals():
        return torch.stack(
            [each.eval()(case.latents(number)) for each in generators]
        ).float()


def _train(
    case: GanCase,
    x: Tensor,
    num_steps: int,
    seed: int,
    *,
    number: int,
    is_released: bool,
) -> list[nn.Module]:
    """Train generators against one discriminator by Adam."""
    torch.manual_seed(seed)
    discriminator = case.discriminator()
    generators = [case.generator() for _ in range(number)]
    steps = [_adam(network, case.adam_lr) for network in (discriminator, *generators)]
    with flush_subnormals(), products_in(case.precision):
        for real in _batches(x, case.batch_size, num_steps):
            made = [_output(each, case.latents(len(real))) for each in generators]
            share = torch.cat([part[: len(real) // number + 1] for part in made])
            refused = softplus(_output(discriminator, share.detach())).mean()
            loss = softplus(-_output(discriminator, real)).mean() + refused
            _step(steps[0], loss, discriminator, len(x), is_released)

            for part, step, network in zip(made, steps[1:], generators, strict=True):
                loss = softplus(-_output(discriminator, part)).mean()
                _step(step, loss, network, len(x), is_released)

    return generators


def _adam(network: nn.Module, lr: float) -> torch.optim.Optimizer:
    return torch.optim.Adam(network.parameters(), lr=lr, betas=_BETAS)


def _batches(x: Tensor, size: int, number: int) -> Iterator[Tensor]:
    """Give batches, in an order that is drawn anew for each pass."""
    per_pass = max(1, len(x) // size)
    for step in range(number):
        if step % per_pass == 0:
            order = torch.randperm(len(x))

        first = step % per_pass * size
        yield x[order[first : first + size]]


def _output(network: nn.Module, x: Tensor) -> Tensor:
    """Return the output of a network in single precision.

    The context ends with the call: it keeps copies of weights in half precision.
    """
    with half_products(x):
        output = network(x)

    return in_single(output)


def _step(
    optimizer: torch.optim.Optimizer,
    loss: Tensor,
    network: nn.Module,
    num_data: int,
    is_released: bool,
) -> None:
    """Take a step, with the prior and the noise of the released program if they are asked for."""
    if is_released:
        for tensor in network.parameters():
            noise = (2 * _ALPHA) ** 0.5 * torch.randn_like(tensor)
            loss = loss + (tensor.square().mean() + (tensor * noise).sum()) / num_data

    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
