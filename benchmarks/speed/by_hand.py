"""The same estimators by hand on plain PyTorch: mean-field normals, and no posterior."""

from __future__ import annotations

import copy
import itertools
import math
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


class LocalReparamInHalf:
    r"""Local reparameterisation of a multilayer perceptron as fast as it can be written by hand.

    Parameters, divergence and Adam are in single precision, in flat memory and one compiled
    function. Products are in bfloat16. The scale is the exponential of rho.

    Arguments:
        sizes: Units of each layer, those of inputs and outputs included.
        data: Inputs (N, D) and labels.
        batch_size: Size of a batch.
    """

    def __init__(
        self, sizes: list[int], data: tuple[Tensor, Tensor], batch_size: int
    ) -> None:
        self.shapes = []
        for fan_in, fan_out in itertools.pairwise(sizes):
            self.shapes += [torch.Size((fan_out, fan_in)), torch.Size((fan_out,))]

        total = sum(shape.numel() for shape in self.shapes)
        self.loc = 0.05 * torch.randn(total)
        self.rho = torch.full((total,), math.log(INIT_SCALE))
        self.moments = [torch.zeros(total) for _ in range(4)]
        self.half = [torch.zeros(total, dtype=torch.bfloat16) for _ in range(4)]

        self.means = self._views(self.half[0], self.half[2])
        self.variances = self._views(self.half[1], self.half[3])
        self.num_data = len(data[0])
        self.batches = shuffled(*data, batch_size)
        self.num_steps = 0
        self._cast = torch.compile(_cast, dynamic=False)
        self._update = torch.compile(_update, dynamic=False)

    def step(self) -> float:
        """Take one step, and return the loss in nats per datum."""
        x, y = next(self.batches)
        self._cast(self.loc, self.rho, *self.half)
        likelihood = F.cross_entropy(self._outputs(x).float(), y)
        likelihood.backward()

        self.num_steps += 1
        corrections = [1 - beta**self.num_steps for beta in (0.9, 0.999)]
        numbers = [torch.tensor(each) for each in (LR, 1 / self.num_data, *corrections)]
        divergence = self._update(
            self.loc, self.rho, *self.half[2:], *self.moments, *numbers
        )

        return (likelihood.detach() + divergence / self.num_data).item()

    def _outputs(self, x: Tensor) -> Tensor:
        """Return the outputs of a batch, each drawn from its normal distribution."""
        x = x.bfloat16()
        for layer in range(0, len(self.shapes), 2):
            mean = F.linear(x, *self.means[layer : layer + 2])
            variance = F.linear(x.square(), *self.variances[layer : layer + 2])
            output = mean + (variance + 1e-12).sqrt() * torch.randn_like(mean)
            x = output.relu()

        return output

    def _views(self, values: Tensor, gradients: Tensor) -> list[Tensor]:
        """Return leaves in the shapes of the layers, whose gradients are views as well."""
        lengths = [shape.numel() for shape in self.shapes]
        leaves = []
        pairs = zip(values.split(lengths), gradients.split(lengths), strict=True)
        for shape, (value, gradient) in zip(self.shapes, pairs, strict=True):
            leaf = value.view(shape).detach().requires_grad_()
            leaf.grad = gradient.view(shape)
            leaves.append(leaf)

        return leaves


def _cast(
    loc: Tensor, rho: Tensor, mean: Tensor, variance: Tensor, *gradients: Tensor
) -> None:
    """Write means and variances in half precision, and zeros to their gradients."""
    mean.copy_(loc)
    variance.copy_((2 * rho).exp())
    for gradient in gradients:
        gradient.zero_()


def _update(
    loc: Tensor,
    rho: Tensor,
    of_mean: Tensor,
    of_variance: Tensor,
    first_loc: Tensor,
    second_loc: Tensor,
    first_rho: Tensor,
    second_rho: Tensor,
    lr: Tensor,
    share: Tensor,
    first_correction: Tensor,
    second_correction: Tensor,
) -> Tensor:
    """Take a step of Adam, and return the divergence from standard normals."""
    variance = (2 * rho).exp()
    divergence = (0.5 * (variance + loc.square() - 1) - rho).sum()
    of_loc = of_mean.float() + share * loc
    of_rho = 2 * variance * of_variance.float() + share * (variance - 1)

    of_all = (
        (loc, of_loc, first_loc, second_loc),
        (rho, of_rho, first_rho, second_rho),
    )
    for parameter, gradient, first, second in of_all:
        first.lerp_(gradient, 0.1)
        second.lerp_(gradient.square(), 0.001)
        root = (second / second_correction).sqrt() + 1e-8
        parameter.sub_(lr * (first / first_correction) / root)

    return divergence


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
