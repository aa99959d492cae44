# %% [markdown]
# # Swap priors and guides
#
# *Which part of what you see comes from the prior, which from the approximation, and which
# from the data?* A Bayesian neural network consists of five values: a network, a prior, a
# likelihood, a guide and an engine. Here the data stay the same, and the other values are
# exchanged one at a time. Shapes: N points, S draws, D inputs, K components.

# %%
import os

import matplotlib.pyplot as plt
import pyro
import pyro.distributions as dist
import torch

import guides
import zoo
from zoo import datasets, inference, likelihoods, networks, plots, priors

SMOKE = "SMOKE" in os.environ  # shortens the loops, changes nothing else
NUM_STEPS = 20 if SMOKE else 2000
WARMUP_STEPS = 5 if SMOKE else 200
NUM_SAMPLES = 5 if SMOKE else 200

pyro.set_rng_seed(1)

data = datasets.toy.sinusoid(num_data=40, noise=0.1, gap=(-0.7, 0.7))
observed = data.train.x[:, 0], data.train.y[:, 0]
x = torch.linspace(-3, 3, 121).unsqueeze(-1)  # (N, 1), where we look at the functions

network = networks.MLP(1, 1, hidden=[20])  # a plain torch.nn.Module
likelihood = likelihoods.Gaussian(scale=0.1)


def draw(ax, title, prediction):
    inputs = x[:, 0]  # (N,)
    functions = prediction.functions[..., 0]  # (S, N)

    plots.predictive_band(inputs, draws=functions, observed=observed, ax=ax)
    ax.set(title=title, ylim=(-3, 3))


def fit(model, guide):
    engine = inference.SVI(model, guide, num_steps=NUM_STEPS, lr=1e-2, progress=False)
    return engine.fit(data.train)


# %% [markdown]
# ## Three priors, before any data
# A prior over weights is also a prior over functions. `prior_predictive` shows these
# functions: what each model believes before it sees any data. With a scale in proportion to
# 1/√fan-in, the size of the functions does not depend on the width.

# %%
standard = priors.WeightPrior(dist.Normal(0.0, 1.0))
wide_below = priors.WeightPrior(
    priors.last_layer(dist.Normal(0.0, 20**-0.5), otherwise=dist.Normal(0.0, 3.0))
)
laplace = priors.WeightPrior(
    priors.by_name({"*.weight": dist.Laplace(0.0, 1.0)}, otherwise=priors.Point())
)
weight_priors = {
    "Normal(0, 1) everywhere": standard,
    "wide below, narrow on top": wide_below,
    "Laplace(0, 1) weights, point biases": laplace,
}

figure, axes = plt.subplots(1, 3, figsize=(12, 3.5), sharey=True, layout="constrained")
for ax, (title, prior) in zip(axes, weight_priors.items(), strict=True):
    model = zoo.BayesianNetwork(network, prior, likelihood)
    draw(ax, title, model.prior_predictive(x, num_samples=200))
plt.show()

# %% [markdown]
# ## One model and its guide
# `explain` shows a model and its guide side by side. The guide is a second program with the
# same site names. It does not copy the network, and the network is not changed.

# %%
model = zoo.BayesianNetwork(network, wide_below, likelihood)
print(model.summary())
print(zoo.explain(model, guides.MeanField(model)))

# %% [markdown]
# ## Four guides and the posterior
# The same model is fitted five times. NUTS draws from the posterior itself and is the
# reference. Each guide finds the nearest member of its family. `fidelity` says how near
# that is: the error of the mean, the ratio of the spreads, and the Wasserstein-1 distance,
# in units of the reference's spread. In brackets is the score of the reference against
# itself.

# %%
nuts = inference.NUTS(
    model,
    num_chains=2,
    warmup_steps=WARMUP_STEPS,
    num_samples=NUM_SAMPLES,
    max_tree_depth=7,
    progress=False,
)
reference = nuts.fit(data.train)
print("NUTS           ", zoo.convergence(reference, x))

families = {
    "Delta": guides.Delta(model),
    "MeanField": guides.MeanField(model),
    "LocalReparam": guides.LocalReparam(model),
    "MCDropout": guides.MCDropout(model, p=0.1),
}
figure, axes = plt.subplots(1, 5, figsize=(16, 3.2), sharey=True, layout="constrained")
draw(axes[0], "NUTS", reference.predict(x))
for ax, (name, guide) in zip(axes[1:], families.items(), strict=True):
    posterior = fit(model, guide)
    print(f"{name:15s}", zoo.fidelity(posterior, reference, x))
    draw(ax, name, posterior.predict(x, num_samples=200))
plt.show()

# %% [markdown]
# ## From weights to nodes
# A node prior multiplies each input of a layer by a random variable. The weights are point
# estimates. The network has 21 random variables instead of 61, and the guides are used in
# the same way. A mixture of K components is a mixture of K networks with the same weights.

# %%
node_prior = priors.NodePrior(dist.Normal(1.0, 0.3), where="in", weights=priors.Point())
node_model = zoo.BayesianNetwork(network, node_prior, likelihood)
print(node_model.summary())

figure, axes = plt.subplots(1, 2, figsize=(8, 3.5), sharey=True, layout="constrained")
for ax, num_components in zip(axes, (1, 4), strict=True):
    guide = guides.NodeMixture(node_model, num_components=num_components)
    posterior = fit(node_model, guide)
    title = f"NodeMixture, K = {num_components}"
    draw(ax, title, posterior.predict(x, num_samples=200))
plt.show()

# %% [markdown]
# ## A likelihood that learns its noise
# `likelihoods.Gaussian(scale=dist.HalfNormal(1.0))` makes the noise a site like any other,
# and predictions use its posterior. A network with two outputs predicts the noise for each
# input. The true noise is 0.1. The node models find it. Mean field over all weights cannot
# follow the 40 points: it explains the sinusoid as noise, and its ELBO does not show that.

# %%
one_scale = likelihoods.Gaussian(scale=dist.HalfNormal(1.0))
scale_per_input = likelihoods.HeteroscedasticGaussian()
two_outputs = networks.MLP(1, 2, hidden=[20])


def print_noise(title, model, guide):
    posterior = fit(model, guide)
    prediction = posterior.predict(data.train.x, num_samples=200)
    variance = prediction.aleatoric.mean()
    noise = variance.sqrt()

    print(f"{title:25s} noise {noise:.2f}")


model = zoo.BayesianNetwork(network, node_prior, one_scale)
print_noise("nodes, one scale", model, guides.NodeMixture(model))

model = zoo.BayesianNetwork(two_outputs, node_prior, scale_per_input)
print_noise("nodes, a scale per input", model, guides.NodeMixture(model))

model = zoo.BayesianNetwork(network, standard, one_scale)
print_noise("weights, one scale", model, guides.LocalReparam(model))

# %% [markdown]
# ## What would make this result wrong
# - **A reference that has not converged.** Look at `zoo.convergence` first: a score against
#   chains that disagree measures the chains. The floor in brackets says how much of a
#   distance comes from them.
# - **A guide that has not converged.** Look at `posterior.info.losses`: a guide that still
#   moves is not the best of its family.
# - **A different model.** Node priors and weight priors are different beliefs: their
#   posteriors may differ, and neither is then a worse approximation. `fidelity` compares
#   guides of one model.
# - **One seed.** The ELBO of a network has many optima. Fit with three seeds, and compare
#   the fits by their loss.
