"""Likelihoods: distributions of the data given the network's output."""

import sys
from typing import TYPE_CHECKING, NoReturn

from zoo.likelihoods.bernoulli import Bernoulli
from zoo.likelihoods.categorical import Categorical
from zoo.likelihoods.deeply_supervised import DeeplySupervised
from zoo.likelihoods.from_callable import From
from zoo.likelihoods.gaussian import Gaussian
from zoo.likelihoods.heteroscedastic import HeteroscedasticGaussian
from zoo.likelihoods.likelihood import Likelihood

__all__ = [
    "Bernoulli",
    "Categorical",
    "DeeplySupervised",
    "From",
    "Gaussian",
    "HeteroscedasticGaussian",
    "Likelihood",
]

_BERNOULLI = "likelihoods.Bernoulli() for targets 0 and 1, with one logit for each"
_CATEGORICAL = (
    "likelihoods.Categorical() for class indices, with a logit for each class"
)
_GAUSSIAN = "likelihoods.Gaussian(scale=0.1), where scale is a standard deviation"
_INSTEAD = {
    "BCE": _BERNOULLI,
    "Binary": _BERNOULLI,
    "CrossEntropy": _CATEGORICAL,
    "Gamma": "likelihoods.From(lambda f: dist.Gamma(2.0, f.exp()))",
    "Heteroscedastic": "likelihoods.HeteroscedasticGaussian()",
    "Laplace": "likelihoods.From(lambda f: dist.Laplace(f, 0.1))",
    "Logistic": _BERNOULLI,
    "MSE": _GAUSSIAN,
    "Normal": _GAUSSIAN,
    "Poisson": "likelihoods.From(lambda f: dist.Poisson(f.exp()))",
    "Softmax": _CATEGORICAL,
    "StudentT": "likelihoods.From(lambda f: dist.StudentT(3.0, f, 0.1))",
}

if not TYPE_CHECKING:  # so that a type checker still finds a wrong name

    def __getattr__(name: str) -> NoReturn:
        if name in _INSTEAD:
            raise AttributeError(f"{__name__} has no {name}; write {_INSTEAD[name]}")
        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}",
            name=name,
            obj=sys.modules[__name__],
        )


def __dir__() -> list[str]:
    return __all__
