"""Data and quick fits that the pictures are drawn from; each is made once."""

from functools import cache, partial

import pyro
import pyro.distributions as dist
import torch
from sklearn.datasets import load_sample_image
from torch import nn

import guides
import zoo
from zoo import datasets, inference, likelihoods, networks, priors, references
from zoo.datasets import Split
from zoo.posterior import DrawsPosterior

CLASSIFIERS = {
    "MeanField": partial(guides.MeanField, init_scale=0.02),
    "MCDropout": partial(guides.MCDropout, p=0.1),
    "Delta": guides.Delta,
}
_CUT = (slice(120, 248), slice(180, 308))  # a roof, a wall and sky of the photograph


@cache
def reference(name):
    return references.load(name)


@cache
def fit_to(name, family, num_steps=300):
    """Fit a guide to the data of a reference."""
    return svi(reference(name).model, family, reference(name).data.train, num_steps)


def svi(model, family, train, num_steps, lr=0.02):
    pyro.set_rng_seed(0)
    engine = inference.SVI(
        model,
        family(model),
        num_steps=num_steps,
        lr=lr,
        scheduler=None,
        compile="traced",
        progress=False,
    )
    return engine.fit(train)


@cache
def compared():
    """Compare four guides with draws of a fifth, which stand for those of a sampler."""
    model = reference("sinusoid").model
    draws = fit_to("sinusoid", guides.FullRank).sample(200)
    chains = {name: value.unflatten(0, (4, 50)) for name, value in draws.items()}
    truth = DrawsPosterior(model, draws=chains, state={}, info=None)
    chosen = {
        "Delta": guides.Delta(model),
        "MeanField": guides.MeanField(model),
        "LowRank": guides.LowRank(model, rank=8),
        "MCDropout": guides.MCDropout(model, p=0.4),
    }
    data = reference("sinusoid").data
    options = {"num_steps": 100, "num_samples": 100, "progress": False}
    return zoo.compare(model, chosen, truth, data, **options)


@cache
def digits():
    whole = datasets.digits()
    few = Split(whole.test.x[:100], whole.test.y[:100])
    return datasets.Dataset("digits", whole.train, few)


@cache
def classifier(name):
    """Fit a classifier of digits, of 8 by 8 pixels."""
    network = nn.Sequential(nn.Flatten(), networks.MLP(64, 10, hidden=[30]))
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    model = zoo.BayesianNetwork(network, prior, likelihoods.Categorical())
    return svi(model, CLASSIFIERS[name], digits().train, 200)


@cache
def convolutional():
    """Fit a network with convolutions to digits."""
    network = nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 12, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(192, 10),
    )
    prior = priors.WeightPrior(dist.Normal(0.0, 0.5))
    model = zoo.BayesianNetwork(network, prior, likelihoods.Categorical())
    first = Split(*(part[:300] for part in digits().train))
    return svi(model, CLASSIFIERS["MeanField"], first, 80)


@cache
def moons():
    """Fit two classifiers of the moons, whose modes differ."""
    data = datasets.toy.moons(100, num_test=100)
    fits = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
        network = networks.MLP(2, 2, hidden=[16])
        model = zoo.BayesianNetwork(network, prior, likelihoods.Categorical())
        fits.append(svi(model, guides.Delta, data.train, 200))
    return data, *fits


@cache
def photograph():
    """Return a part of a photograph that scikit-learn ships, (3, 128, 128)."""
    pixels = torch.tensor(load_sample_image("china.jpg")[_CUT])
    return pixels.permute(2, 0, 1).float() / 255
