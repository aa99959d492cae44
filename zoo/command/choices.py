"""The names that the command line maps to objects."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial

import pyro.distributions as dist
from torch import nn

import guides
from zoo import datasets, experiments, networks, priors
from zoo.datasets.uci import EMBEDDED
from zoo.priors import Prior
from zoo.references.names import PROBLEMS

_POINT = priors.Point(dist.Normal(0.0, 1.0))


def _on_weights(rule: Callable[[], object]) -> Callable[[], Prior]:
    """Give weights a prior; normalisation layers are point estimates."""
    return lambda: priors.WeightPrior(priors.all_but_normalisation(rule()))


def _on_nodes(**options: object) -> Callable[[], Prior]:
    """Give nodes a normal prior around one."""
    return lambda: priors.NodePrior(dist.Normal(1.0, 0.3), **options)


PRIORS: dict[str, Callable[[], Prior]] = {
    "normal": _on_weights(lambda: dist.Normal(0.0, 1.0)),
    "fan_in": _on_weights(priors.fan_in),
    "laplace": _on_weights(lambda: dist.Laplace(0.0, 1.0)),
    "student": _on_weights(lambda: dist.StudentT(3.0, 0.0, 1.0)),
    "scale_mixture": _on_weights(lambda: priors.ScaleMixture(0.5, 1.0, 0.0025)),
    "hierarchical": _on_weights(lambda: priors.Hierarchical(dist.HalfNormal(1.0))),
    "ard": _on_weights(lambda: priors.Hierarchical(dist.HalfNormal(1.0), by="input")),
    "horseshoe": _on_weights(priors.RegularisedHorseshoe),
    "log_uniform": _on_weights(priors.LogUniform),
    "last_layer": lambda: priors.WeightPrior(
        priors.last_layer(dist.Normal(0.0, 1.0), otherwise=_POINT)
    ),
    "nodes": _on_nodes(weights=_POINT),
    "nodes_both": _on_nodes(where="both", weights=_POINT),
    "nodes_bernoulli": lambda: priors.NodePrior(dist.Bernoulli(0.9), weights=_POINT),
    "nodes_and_weights": _on_nodes(weights=dist.Normal(0.0, 1.0)),
}
ALTERNATIVES = (
    "nodes",
    "nodes_both",
    "log_uniform",
)  # for guides that refuse the default

GUIDES = [name for name in guides.__all__ if name not in ("Guide", "mixture_entropy")]
ENGINES = [
    "HMC",
    "MAMS",
    "MCLMC",
    "NUTS",
    "SVI",
    "ChEES",
    "Laplace",
    "AIS",
    "ParallelTempering",
    "RepulsiveEnsemble",
]

TOYS = [name for name in datasets.toy.__all__ if name.islower()]


def _is_read_from_a_path(name: str) -> bool:
    """Return whether a data set is read from the user's files."""
    if not name.islower() or name == "toy":
        return False
    return "num_train" in inspect.signature(getattr(datasets, name)).parameters


FROM_PATH = [name for name in datasets.__all__ if _is_read_from_a_path(name)]
CSV = (".csv", ".tsv", ".txt")  # endings of the user's own tables
DATA = [*EMBEDDED, "digits", *TOYS, *FROM_PATH]

IMAGE_NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "LeNet5": networks.LeNet5,
    "LeNet": networks.LeNet,
    "AlexNet": networks.AlexNet,
    "VGG16": networks.VGG16,
    "NIN": networks.NIN,
    "DSN": networks.DSN,
    "FastConvNet": networks.FastConvNet,
    "ResNet20": partial(networks.ResNet, 20),
    "ResNet32": partial(networks.ResNet, 32),
    "ResNet44": partial(networks.ResNet, 44),
    "ResNet56": partial(networks.ResNet, 56),
    "PreActResNet18": networks.PreActResNet,
    "WideResNet28-10": networks.WideResNet,
}
IMAGE_SIZES = {"LeNet": 28, "AlexNet": 32, "VGG16": 32}  # the others take any size
NETWORKS = ["MLP", *IMAGE_NETWORKS, "ConvNet1d"]

REFERENCES = dict(PROBLEMS)

EXPERIMENTS: dict[str, experiments.Experiment] = {}
for _value in vars(experiments).values():
    if isinstance(_value, experiments.Experiment):
        EXPERIMENTS[_value.name] = _value
