"""The same estimators by hand on plain PyTorch: a mean-field normal, and no posterior."""

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
from zoo.runtime.programs import PyroProgram

INIT_SCALE = 0.05
LR = 1e-3


def shuffled(x: Tensor, y: Tensor, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield shuffled batches without end; an incomplete last batch of an epoch is omitted."""
    while True:
        for index in torch.randperm(len(x), device=x.device).split(batch_size):
            if len(index) == batch_size:
                yield x[index], y[index]


class MeanField(nn.Module):
    r"""Bayes by backprop for a network of linear layers and convolutions, standard normal priors.

    .. math:: \text{loss} = \frac1B \sum_i -\log p(y_i | z) + \frac1N \sum_j \Big( -\log \sigma_j
        + \tfrac12 (\sigma_j^2 + \mu_j^2 - 1) \Big), \quad z = \mu + \sigma \epsilon

    Arguments:
        network: The network, whose weights are the initial means.
        num_data: Number of data N.
    """

    def __init__(self, network: nn.Module, num_data: int) -> None:
        super().__init__()
        self.num_data = num_data
        self.body = [copy.deepcopy(network)]  # in a list: its weights are not optimised
        init_rho = torch.tensor(INIT_SCALE).expm1().log().item()

        self.names = []
        self.loc = nn.ParameterList()
        self.rho = nn.ParameterList()
        for name, parameter in network.named_parameters():
            self.names.append(name)
            self.loc.append(nn.Parameter(parameter.detach().clone()))
            self.rho.append(nn.Parameter(torch.full_like(parameter, init_rho)))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the loss in nats per datum of one draw."""
        weights = {}
        divergence = torch.zeros((), device=x.device)
        for name, loc, rho in zip(self.names, self.loc, self.rho, strict=True):
            scale = F.softplus(rho)
            weights[name] = loc + scale * torch.randn_like(loc)

            squares = scale.square() + loc.square() - 1.0
            divergence = divergence + (0.5 * squares - scale.log()).sum()

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
    """Return a function that takes one step of fused Adam and returns the loss."""
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
    guide: PyroProgram,
    data: tuple[Tensor, Tensor],
    batch_size: int,
    validate: bool = True,
) -> Callable[[], float]:
    """Return a function that takes one step of stock Pyro, in a parameter store of its own."""
    model, guide = copy.deepcopy((model, guide))
    model.network.train()
    batches = shuffled(*data, batch_size)
    num_data = len(data[0])
    engine = SVI(
        lambda x, y: model(x, y, num_data=num_data),
        lambda *_: guide(),
        pyro.optim.Adam({"lr": LR}),
        TraceMeanField_ELBO(),
    )
    own: dict[str, dict] = {"params": {}, "constraints": {}}

    def step() -> float:
        x, y = next(batches)
        with pyro.get_param_store().scope(own), pyro.validation_enabled(validate):
            return engine.step(x, y)

    return step
