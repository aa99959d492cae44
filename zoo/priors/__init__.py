"""Priors: which tensors of a network are random, and how."""

from typing import TYPE_CHECKING, NoReturn

from zoo.priors.by_layer import all_but_normalisation, by_depth, by_type, last_layer
from zoo.priors.by_name import by_name
from zoo.priors.correlated_filters import correlated_filters
from zoo.priors.fan_in import fan_in
from zoo.priors.hierarchical import Hierarchical
from zoo.priors.horseshoe import RegularisedHorseshoe
from zoo.priors.learned import Learned
from zoo.priors.log_uniform import LogUniform
from zoo.priors.moped import moped
from zoo.priors.node import NodePrior
from zoo.priors.previous import previous
from zoo.priors.prior import Prior
from zoo.priors.reparameterised import Reparameterised
from zoo.priors.scale_mixture import ScaleMixture
from zoo.priors.treatment import Frozen, Point
from zoo.priors.weight import WeightPrior
from zoo.runtime.other_names import missing

__all__ = [
    "Frozen",
    "Hierarchical",
    "Learned",
    "LogUniform",
    "NodePrior",
    "Point",
    "Prior",
    "RegularisedHorseshoe",
    "Reparameterised",
    "ScaleMixture",
    "WeightPrior",
    "all_but_normalisation",
    "by_depth",
    "by_name",
    "by_type",
    "correlated_filters",
    "fan_in",
    "last_layer",
    "moped",
    "previous",
]

_NORMAL = "priors.WeightPrior(dist.Normal(0.0, 1.0)), with `import pyro.distributions as dist`"
_OTHER_NAMES = {
    "ARD": 'priors.WeightPrior(priors.Hierarchical(dist.HalfCauchy(1.0), by="input"))',
    "Gaussian": _NORMAL,
    "Horseshoe": "priors.WeightPrior(priors.RegularisedHorseshoe())",
    "Laplace": "priors.WeightPrior(dist.Laplace(0.0, 1.0))",
    "MOPED": "priors.WeightPrior(priors.moped())",
    "Normal": _NORMAL,
    "StudentT": "priors.WeightPrior(dist.StudentT(3.0, 0.0, 1.0))",
}

if not TYPE_CHECKING:  # so that a type checker still finds a wrong name

    def __getattr__(name: str) -> NoReturn:
        """Raise an error that says what to write instead of a wrong name."""
        raise missing(__name__, name, __all__, _OTHER_NAMES)


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
