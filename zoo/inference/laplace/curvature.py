"""What laplace-torch is given: a copy of the network at the mode, the batches, and the normal prior as two vectors."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType

import torch
from pyro.distributions import Independent
from torch import Tensor, nn
from torch.distributions import Normal

from zoo.data import Batches
from zoo.likelihoods import Categorical, Gaussian
from zoo.model import BayesianNetwork
from zoo.runtime.distributions import describe
from zoo.runtime.torchvision_shim import load_torchmetrics

STRUCTURES = ("diag", "kron", "full")
LAYERS = ("all", "last")


def library() -> ModuleType:
    """Import laplace-torch, which imports torchmetrics and torchvision itself."""
    try:
        load_torchmetrics()
        return importlib.import_module("laplace")
    except ImportError as error:
        raise ImportError(
            f"inference.Laplace takes its curvature from laplace-torch, which could not be imported ({error}); "
            "write pip install 'bnn-zoo[laplace]'"
        ) from error


def backend(laplace: ModuleType) -> type:
    """Return its Gauss-Newton backend, the dense matrix by Jacobians: its own way round is in float32 on a CPU."""
    curvature = laplace.curvature
    return type(
        "GaussNewton", (curvature.CurvlinopsGGN,), {"full": curvature.GGNInterface.full}
    )


@dataclass
class Loader:
    """Batches as laplace-torch reads a `DataLoader`."""

    batches: Batches

    @property
    def dataset(self) -> range:
        """Something as long as the data."""
        return range(self.batches.num_data)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        model = self.batches.model
        for x, y in self.batches.epoch():
            yield (
                x,
                y.long()
                if model.likelihood.discrete
                else model.likelihood.encode(y, model.first_parameter),
            )


def at_mode(
    model: BayesianNetwork, values: Mapping[str, Tensor], random: list[str]
) -> nn.Module:
    """Copy the network with its tensors set, a gradient only for those that are random."""
    network = copy.deepcopy(model.network)
    with torch.no_grad():
        for name, tensor in [*network.named_parameters(), *network.named_buffers()]:
            tensor.copy_(values[name])
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name in random)
    return network.eval()


def normal_of(name: str, prior: object) -> Normal:
    """Return the independent normal that a prior is, or refuse it."""
    base = prior
    while isinstance(base, Independent):
        base = base.base_dist
    if not isinstance(base, Normal):
        raise ValueError(
            f"inference.Laplace takes independent normal priors, and {name} has {describe(prior)}; use dist.Normal, or "
            "guides.MeanField, NUTS or Pyro's AutoLaplaceApproximation for other priors"
        )
    return base


def refuse(model: BayesianNetwork) -> None:
    """Refuse what laplace-torch has no curvature for."""
    parameters = dict(model.network.named_parameters())
    for name, prior in model.latents.items():
        if name not in parameters:
            raise ValueError(
                f"inference.Laplace is over weights with a fixed normal prior, and site {name!r} is none; use "
                "priors.WeightPrior(dist.Normal(...)) and a fixed noise scale, or another engine or guide"
            )
        normal_of(name, prior)
    likelihood = model.likelihood
    if type(likelihood) is Gaussian and torch.as_tensor(likelihood.scale).numel() == 1:
        return
    if type(likelihood) is not Categorical:
        raise ValueError(
            "inference.Laplace takes the likelihoods Gaussian, with one fixed scale, and Categorical, not "
            f"{likelihood!r}"
        )


def chosen(model: BayesianNetwork, layers: str) -> list[str]:
    """Return the names of the random tensors, all of them or those of the last layer that has any."""
    names = [
        name for name, _ in model.network.named_parameters() if name in model.latents
    ]
    if layers == "all":
        return names
    last = names[-1].rpartition(".")[0]
    return [name for name in names if name.rpartition(".")[0] == last]


def prior_vectors(
    model: BayesianNetwork, names: list[str], structure: str
) -> tuple[Tensor, Tensor]:
    """Return the prior's mean (P,) and its precision: (P,), or one for each tensor where factors ask for it."""
    laws = {name: normal_of(name, model.latents[name]) for name in names}
    mean = torch.cat([law.loc.flatten() for law in laws.values()])
    precisions = [law.scale.flatten().square().reciprocal() for law in laws.values()]
    if structure != "kron":
        return mean, torch.cat(precisions)
    for name, precision in zip(laws, precisions, strict=True):
        if bool((precision != precision[0]).any()):
            raise ValueError(
                f"Kronecker factors take one prior scale for a tensor, and {name} has several; use structure='diag' or "
                "'full'"
            )
    for layer, module in model.network.named_modules():
        own = {
            f"{layer}.{key}" if layer else key
            for key, _ in module.named_parameters(recurse=False)
        }
        if own & laws.keys() and not own <= laws.keys():
            raise ValueError(
                f"Kronecker factors are of whole layers, and in {layer or 'the network'} only some tensors are random; "
                "use structure='diag' or 'full'"
            )
    return mean, torch.stack([precision[0] for precision in precisions])
