"""A user's program with three mistakes that a type checker finds."""

import pyro.distributions as dist

import guides
import zoo
from zoo import datasets, inference, likelihoods, networks

data = datasets.uci("yacht", split="first")  # mistake: a split is a number
network = networks.MLP(6, 1, hidden=[50])
prior = dist.Normal(0.0, 1.0)
model = zoo.BayesianNetwork(
    network, prior, likelihoods.Gaussian(0.1)
)  # mistake: no prior
posterior = inference.SVI(model, guides.MeanField(model), num_steps=100).fit(data.train)
posterior.predict(data.test.x, samples=20)  # mistake: the argument is num_samples
