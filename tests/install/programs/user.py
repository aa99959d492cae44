"""A user's program, whose types a checker infers."""

import pyro.distributions as dist
from torch import nn

import guides
import zoo
from zoo import datasets, inference, likelihoods, metrics, networks, priors

data = datasets.uci("yacht", split=0)
network = networks.MLP(6, 1, hidden=[50])
prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
likelihood = likelihoods.Gaussian(scale=dist.HalfNormal(1.0))
model = zoo.BayesianNetwork(network, prior, likelihood)
reveal_type(data.train.x)  # Tensor
reveal_type(model.network)  # Module
reveal_type(model.likelihood)  # Likelihood

guide = guides.MeanField(model, init_scale=0.1)
engine = inference.SVI(model, guide, num_steps=1000, lr=1e-2)
posterior = engine.fit(data.train, batch_size=64)
reveal_type(posterior)  # GuidePosterior
reference = inference.NUTS(model, num_chains=4, num_samples=500).fit(data.train)
reveal_type(reference)  # DrawsPosterior

prediction = posterior.predict(data.test.x, num_samples=200)
reveal_type(prediction)  # Prediction
reveal_type(prediction.mean)  # Tensor
reveal_type(prediction.log_prob(data.test.y))  # Tensor
reveal_type(metrics.rmse(prediction.mean, data.test.y))  # Tensor
card = zoo.fidelity(posterior, reference, data.test.x)
reveal_type(card)  # Fidelity
reveal_type(zoo.load("posterior.safetensors", model, guide=guide))  # Posterior
reveal_type(zoo.prune(posterior, fraction=0.5))  # Posterior


class Tiny(nn.Module):
    """A network of the user's own."""
