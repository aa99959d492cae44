"""Likelihoods: distributions of the data given the network's output."""

from typing import TYPE_CHECKING, NoReturn

from zoo.likelihoods.bernoulli import Bernoulli
from zoo.likelihoods.categorical import Categorical
from zoo.likelihoods.censored import Censored
from zoo.likelihoods.deeply_supervised import DeeplySupervised
from zoo.likelihoods.from_callable import From
from zoo.likelihoods.gaussian import Gaussian
from zoo.likelihoods.gaussian_classes import GaussianClasses
from zoo.likelihoods.heteroscedastic import HeteroscedasticGaussian
from zoo.likelihoods.laplace_noise import LaplaceNoise
from zoo.likelihoods.likelihood import Likelihood
from zoo.likelihoods.logit_adjusted import LogitAdjusted
from zoo.likelihoods.median_frequency import median_frequency
from zoo.likelihoods.ordinal import Ordinal
from zoo.likelihoods.recalled import Recalled
from zoo.runtime.other_names import missing

__all__ = [
    "Bernoulli",
    "Categorical",
    "Censored",
    "DeeplySupervised",
    "From",
    "Gaussian",
    "GaussianClasses",
    "HeteroscedasticGaussian",
    "LaplaceNoise",
    "Likelihood",
    "LogitAdjusted",
    "Ordinal",
    "Recalled",
    "median_frequency",
]

_BERNOULLI = "likelihoods.Bernoulli() for targets 0 and 1, with one logit for each"
_CATEGORICAL = (
    "likelihoods.Categorical() for class indices, with a logit for each class"
)
_GAUSSIAN = "likelihoods.Gaussian(scale=0.1), where scale is a standard deviation"
_LAPLACE = "likelihoods.LaplaceNoise(scale=0.1), where scale is a mean absolute error"
_OTHER_NAMES = {
    "BCE": _BERNOULLI,
    "Binary": _BERNOULLI,
    "CrossEntropy": _CATEGORICAL,
    "GaussianMixture": "likelihoods.GaussianClasses(means)",
    "Gamma": "likelihoods.From(lambda f: dist.Gamma(2.0, f.exp()))",
    "Heteroscedastic": "likelihoods.HeteroscedasticGaussian()",
    "Dirichlet": "likelihoods.From(lambda f: dist.Dirichlet(f.exp()))",
    "L1": _LAPLACE,
    "Laplace": _LAPLACE,
    "MAE": _LAPLACE,
    "Logistic": _BERNOULLI,
    "BalancedSoftmax": "likelihoods.LogitAdjusted(y.bincount())",
    "MSE": _GAUSSIAN,
    "MultivariateNormal": (
        "likelihoods.From(lambda f: dist.MultivariateNormal(f, covariance))"
    ),
    "Normal": _GAUSSIAN,
    "OrderedLogistic": "likelihoods.Ordinal(num_classes)",
    "Poisson": "likelihoods.From(lambda f: dist.Poisson(f.exp()))",
    "Softmax": _CATEGORICAL,
    "Survival": "likelihoods.Censored(lambda f: dist.Exponential(f[..., 0].exp()))",
    "StudentT": "likelihoods.From(lambda f: dist.StudentT(3.0, f, 0.1))",
}

if not TYPE_CHECKING:  # so that a type checker still finds a wrong name

    def __getattr__(name: str) -> NoReturn:
        """Raise an error that says what to write instead of a wrong name."""
        raise missing(__name__, name, __all__, _OTHER_NAMES)


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
