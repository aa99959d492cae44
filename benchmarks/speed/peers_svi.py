"""Steps of variational inference in other libraries against our guides: LeNet-5, batches of 128.

The reparameterised layers of bayesian-torch, and those of torchbnn and BLiTZ, draw one
weight for a batch, as `MeanField` does; the flipout layers of bayesian-torch draw signs
for each example, as `Flipout` does. BLiTZ evaluates its draw under a normal prior; the
others have a divergence in closed form. bayesian-torch averages its divergence over the
parameters of a layer, which costs as much as a sum. TyXe is omitted: it does not run on
current versions of Pyro.
"""

from __future__ import annotations

import copy
import importlib
import math
import warnings
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import guides
from benchmarks.speed import problems
from benchmarks.speed.by_hand import INIT_SCALE, stepping
from benchmarks.speed.row import Row, Settings, Target, missing
from benchmarks.speed.svi import facts_of, timed_fit

TARGET = Target(1.0, 1.5, at_most=False)
WORK = "SVI step, LeNet-5, batch 128"
RHO = torch.tensor(INIT_SCALE).expm1().log().item()


class Penalised(nn.Module):
    """A network of another library's layers, with that library's divergence.

    Arguments:
        network: The network.
        divergence: The divergence of a network, in nats.
        num_data: Number of data N.
    """

    def __init__(
        self,
        network: nn.Module,
        divergence: Callable[[nn.Module], Tensor],
        num_data: int,
    ) -> None:
        super().__init__()
        self.network = network
        self.divergence = divergence
        self.num_data = num_data

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the loss of one draw, in nats per datum."""
        cross_entropy = F.cross_entropy(self.network(x), y)
        divergence = self.divergence(self.network).squeeze()
        return cross_entropy + divergence / self.num_data


def replaced(module: nn.Module, make: Callable[[nn.Module], nn.Module]) -> nn.Module:
    """Copy a network, and replace every linear layer and convolution of the copy."""
    module = copy.deepcopy(module)
    for name, child in list(module.named_modules()):
        if isinstance(child, (nn.Linear, nn.Conv2d)):
            path, _, leaf = name.rpartition(".")
            setattr(module.get_submodule(path), leaf, make(child))
    return module


def shape_of(layer: nn.Linear | nn.Conv2d) -> dict[str, Any]:
    """Return the arguments that a layer of every library has."""
    if isinstance(layer, nn.Linear):
        return {"in_features": layer.in_features, "out_features": layer.out_features}
    return {
        "in_channels": layer.in_channels,
        "out_channels": layer.out_channels,
        "kernel_size": layer.kernel_size[0],
        "padding": layer.padding[0],
    }


def bayesian_torch(
    network: nn.Module, num_data: int, kind: str = "Reparameterization"
) -> nn.Module:
    """Build the network with bayesian-torch."""
    library = importlib.import_module("bayesian_torch.models.dnn_to_bnn")
    prior = {"prior_mu": 0.0, "prior_sigma": 1.0}
    start = {"posterior_mu_init": 0.0, "posterior_rho_init": RHO, "moped_enable": False}
    network = copy.deepcopy(network)
    library.dnn_to_bnn(network, prior | start | {"type": kind})

    return Penalised(network, library.get_kl_loss, num_data)


def flipout(network: nn.Module, num_data: int) -> nn.Module:
    """Build the network with the flipout layers of bayesian-torch."""
    return bayesian_torch(network, num_data, "Flipout")


def torchbnn(network: nn.Module, num_data: int) -> nn.Module:
    """Build the network with torchbnn."""
    library = importlib.import_module("torchbnn")

    def make(layer: nn.Module) -> nn.Module:
        kind = (
            library.BayesLinear if isinstance(layer, nn.Linear) else library.BayesConv2d
        )
        made = kind(prior_mu=0.0, prior_sigma=1.0, **shape_of(layer))
        # By default the initial scale is that of the prior.
        for log_scale in (made.weight_log_sigma, made.bias_log_sigma):
            nn.init.constant_(log_scale, math.log(INIT_SCALE))
        return made

    return Penalised(
        replaced(network, make), library.BKLLoss(reduction="sum"), num_data
    )


def blitz(network: nn.Module, num_data: int) -> nn.Module:
    """Build the network with BLiTZ."""
    modules = importlib.import_module("blitz.modules")
    losses = importlib.import_module("blitz.losses")

    def make(layer: nn.Module) -> nn.Module:
        shape = shape_of(layer)
        options = {"prior_sigma_1": 1.0, "prior_pi": 1.0, "posterior_rho_init": RHO}
        if isinstance(layer, nn.Linear):
            return modules.BayesianLinear(**shape, **options)
        shape["kernel_size"] = layer.kernel_size

        return modules.BayesianConv2d(**shape, **options)

    return Penalised(replaced(network, make), losses.kl_divergence_from_nn, num_data)


PEERS: dict[str, tuple[str, Callable[[nn.Module, int], nn.Module]]] = {
    "bayesian-torch": ("MeanField", bayesian_torch),
    "torchbnn": ("MeanField", torchbnn),
    "BLiTZ": ("MeanField", blitz),
    "bayesian-torch, flipout": ("Flipout", flipout),
}


def lenet_peers(settings: Settings) -> list[Row]:
    """Compare each of our guides with every library that is installed."""
    rows = []
    for guide in ("MeanField", "Flipout"):
        network, data = problems.lenet(settings.device)
        model = problems.over_weights(network)
        losses = {}
        for name, (like, make) in PEERS.items():
            if like == guide:
                losses[name] = built(make, network, len(data[0]))

        rivals = {}
        for name, loss in losses.items():
            if loss is not None:
                rivals[name] = stepping(loss.to(settings.device), data, 128)
        if rivals:
            times, info = timed_fit(
                model, getattr(guides, guide)(model), data, 128, rivals, settings
            )
        for name in losses:
            work, compared = f"{WORK}, {guide}", f"{name} / ours"
            if name not in rivals:
                rows.append(missing(work, compared, name.partition(",")[0]))
                continue
            facts = facts_of({side: times[side] for side in ("ours", name)}, info)
            rows.append(Row(work, compared, times[name] / times["ours"], TARGET, facts))
    return rows


def built(
    make: Callable[[nn.Module, int], nn.Module], network: nn.Module, num_data: int
) -> nn.Module | None:
    """Build a network with another library; None if it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of their own imports
            return make(network, num_data)
    except ImportError:
        return None
