"""The same estimators written by hand: a mean-field normal and no posterior at all, on plain PyTorch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import pyro
import torch
import torch.nn.functional as F
from pyro.infer import SVI, TraceMeanField_ELBO
from torch import Tensor, nn
from torch.func import functional_call

import zoo

INIT_SCALE, LR = 0.05, 1e-3


def shuffled(x: Tensor, y: Tensor, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches for ever, shuffled, the last one of an epoch left out."""
    while True:
        for index in torch.randperm(len(x), device=x.device).split(batch_size):
            if len(index) == batch_size:
                yield x[index], y[index]


class MeanField(nn.Module):
    r"""Bayes by backprop for a network of linear layers and convolutions, standard normal priors.

    .. math:: \text{loss} = \frac1B \sum_i -\log p(y_i | z) + \frac1N \sum_j \Big( -\log \sigma_j
        + \tfrac12 (\sigma_j^2 + \mu_j^2 - 1) \Big), \quad z = \mu + \sigma \epsilon

    Arguments:
        network: The network, whose weights are the means at the start.
        num_data: Number of data N.
    """

    def __init__(self, network: nn.Module, num_data: int) -> None:
        super().__init__()
        self.body, self.num_data = (
            [copy.deepcopy(network)],
            num_data,
        )  # in a list: its weights are not optimised
        self.names = [name for name, _ in network.named_parameters()]
        self.loc = nn.ParameterList(
            [parameter.detach().clone() for parameter in network.parameters()]
        )
        start = torch.tensor(INIT_SCALE).expm1().log().item()
        self.rho = nn.ParameterList(
            [torch.full_like(parameter, start) for parameter in network.parameters()]
        )

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the loss in nats per datum of one draw."""
        weights, divergence = {}, 0.0
        for name, loc, rho in zip(self.names, self.loc, self.rho, strict=True):
            scale = F.softplus(rho)
            weights[name] = loc + scale * torch.randn_like(loc)
            divergence = (
                divergence
                + (0.5 * (scale.square() + loc.square() - 1.0) - scale.log()).sum()
            )
        output = functional_call(self.body[0], weights, (x,))
        return F.cross_entropy(output, y) + divergence / self.num_data


class Deterministic(nn.Module):
    """A network with cross entropy."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = copy.deepcopy(network)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the loss in nats per datum."""
        return F.cross_entropy(self.network(x), y)


def stepping(
    loss: nn.Module,
    data: tuple[Tensor, Tensor],
    batch_size: int,
    compiled: bool = False,
) -> Callable[[], float]:
    """Return what takes one step of Adam, in one kernel for all parameters, and reads the loss as anyone does."""
    optimizer = torch.optim.Adam(loss.parameters(), lr=LR, fused=True)
    batches = shuffled(*data, batch_size)
    evaluate = torch.compile(loss) if compiled else loss

    def step() -> float:
        x, y = next(batches)
        optimizer.zero_grad()
        value = evaluate(x, y)
        value.backward()
        optimizer.step()
        return value.item()

    return step


def plain_pyro(
    model: zoo.BayesianNetwork,
    guide: Callable[..., object],
    data: tuple[Tensor, Tensor],
    batch_size: int,
    validate: bool = True,
) -> Callable[[], float]:
    """Return what takes one step of stock Pyro on the same model and guide, as it comes, in a store of its own."""
    model, guide = copy.deepcopy((model, guide))
    model.network.train()
    batches, num_data = shuffled(*data, batch_size), len(data[0])
    engine = SVI(
        lambda x, y: model(x, y, num_data=num_data),
        lambda *_: guide(),
        pyro.optim.Adam({"lr": LR}),
        TraceMeanField_ELBO(),
    )
    own = {"params": {}, "constraints": {}}

    def step() -> float:
        x, y = next(batches)
        with pyro.get_param_store().scope(own), pyro.validation_enabled(validate):
            return engine.step(x, y)

    return step
