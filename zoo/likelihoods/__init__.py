"""Likelihoods: what the network's output says about the data; each owns its plate, its noise and its predictions."""

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
