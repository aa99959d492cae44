"""Animals of data in the package: digits, and concrete next to its reference posterior."""

from __future__ import annotations

from pathlib import Path

import pyro.distributions as dist
from torch import nn

import guides
from zoo import datasets, networks, priors, references
from zoo.diagnostics.fidelity import fidelity
from zoo.hub.animals.animal import Made
from zoo.inference.svi.svi import SVI
from zoo.likelihoods import Categorical
from zoo.model import BayesianNetwork

_DIGITS_SPLIT = "a fifth of the images is the test part, stratified by class, fixed"
_NOT_DIGITS = (
    "Every image gets one of ten digits, also one that shows none; look at "
    "`prediction.entropy`. Writers of the test part are in the training part too."
)


def digits_mlp_mean_field(path: Path | None) -> Made:
    """Fit a perceptron of thirty units to scikit-learn's digits, under independent normals.

    Arguments:
        path: Not used: the data are in the package.
    """
    data = datasets.digits(flatten=True)
    network = networks.MLP(64, 10, hidden=[30])
    prior = priors.WeightPrior(priors.fan_in(2.0, bias_scale=1.0))
    model = BayesianNetwork(network, prior, Categorical())
    engine = SVI(model, guides.MeanField(model), num_epochs=150, progress=False)

    story = {
        "about": "The smallest animal: a perceptron that reads digits of 8 x 8 pixels, with "
        "every weight under a normal of its own.",
        "split": _DIGITS_SPLIT,
        "batch_size": 128,
        "use": "A first posterior to try functions of the package on; it loads at once.",
        "limits": "Independent normals know no correlation of weights, and a wide prior keeps "
        f"many of them wide: the network is less certain than it could be. {_NOT_DIGITS}",
    }
    posterior = engine.fit(data.train, batch_size=128)
    return Made(posterior=posterior, data=data, engine=engine, story=story)


def digits_cnn_nodes(path: Path | None) -> Made:
    """Fit a small convolutional network to the digits, with a mixture over its nodes.

    Arguments:
        path: Not used: the data are in the package.
    """
    data = datasets.digits()
    network = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 10),
    )
    prior = priors.NodePrior(
        dist.Normal(1.0, 0.3), weights=priors.Point(dist.Normal(0.0, 1.0))
    )
    model = BayesianNetwork(network, prior, Categorical())
    guide = guides.NodeMixture(model, num_components=4)
    engine = SVI(model, guide, num_epochs=60, progress=False)

    story = {
        "about": "A convolutional network whose inputs of every layer are multiplied by random "
        "factors; its weights are points. The factors have a mixture of four normals.",
        "split": _DIGITS_SPLIT,
        "batch_size": 128,
        "use": "An example of a posterior over nodes: few random numbers, and a network that "
        "is trained as usual.",
        "limits": f"Weights have no uncertainty of their own. {_NOT_DIGITS}",
    }
    posterior = engine.fit(data.train, batch_size=128)
    return Made(posterior=posterior, data=data, engine=engine, story=story)


def concrete_low_rank(path: Path | None) -> Made:
    """Fit the model of the reference concrete-50 under normals with four common factors.

    Arguments:
        path: Not used: the data are in the package.
    """
    reference = references.load("concrete-50")
    model, data = reference.model, reference.data
    engine = SVI(model, guides.LowRank(model), num_steps=4000, progress=False)
    posterior = engine.fit(data.train)
    table = fidelity(posterior, reference)

    story = {
        "about": "The strength of concrete from its mixture and its age: a perceptron of fifty "
        "units, whose true posterior is known from the reference `concrete-50`.",
        "split": "split 0 of Gal's twenty, 90 % of the rows for training",
        "fidelity": "Against the reference `concrete-50`, each score with its floor in brackets:"
        f"\n\n```text\n{table}\n```",
        "use": "Regression with a noise scale that is inferred; a fit next to the truth.",
        "limits": "It is one mode of the weights: its mean is not that of the true posterior, and "
        "away from the data its functions vary less; see `mean error` and `epistemic away`.",
    }
    return Made(posterior=posterior, data=data, engine=engine, story=story)
