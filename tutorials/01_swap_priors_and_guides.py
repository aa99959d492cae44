# %% [markdown]
# # Swap priors and guides
#
# *Which of what you see comes from the prior, which from the approximation, and which
# from the data?* A Bayesian neural network is five values: a network, a prior, a
# likelihood, a guide and an engine. Here the network and the data stay, and the others
# are exchanged one line at a time. N points, S draws, D inputs, K components.

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
STEPS = 100 if SMOKE else 2000
WARMUP, DRAWS = (10, 10) if SMOKE else (200, 200)
pyro.set_rng_seed(1)

data = datasets.toy.sinusoid(num_data=40, noise=0.1, gap=(-0.7, 0.7))
line = torch.linspace(-3, 3, 121).unsqueeze(
    -1
)  # (N, 1), where we look at the functions
network = networks.MLP(1, 1, hidden=[20])  # a plain torch.nn.Module
likelihood = likelihoods.Gaussian(scale=0.1)


def picture(axes, title, prediction):
    plots.predictive_band(
        line[:, 0], draws=prediction.functions[..., 0], observed=observed, ax=axes
    )
    axes.set(title=title, ylim=(-3, 3))


observed = data.train.x[:, 0], data.train.y[:, 0]

# %% [markdown]
# ## Three priors, before any data A prior over weights is a prior over functions.
# `prior_predictive` shows it: what each model believes before it has seen a single
# point. A scale that grows with 1/√fan-in keeps functions the same size whatever the
# width.

# %%
weight_priors = {
    "Normal(0, 1) everywhere": priors.WeightPrior(dist.Normal(0.0, 1.0)),
    "wide below, narrow on top": priors.WeightPrior(
        priors.last_layer(dist.Normal(0.0, 20**-0.5), otherwise=dist.Normal(0.0, 3.0))
    ),
    "Laplace(0, 1) weights, point biases": priors.WeightPrior(
        priors.by_name({"*.weight": dist.Laplace(0.0, 1.0)}, otherwise=priors.Point())
    ),
}
figure, axes = plt.subplots(1, 3, figsize=(12, 3.5), sharey=True, layout="constrained")
for ax, (title, prior) in zip(axes, weight_priors.items(), strict=True):
    model = zoo.BayesianNetwork(network, prior, likelihood)
    picture(ax, title, model.prior_predictive(line, num_samples=200))
plt.show()

# %% [markdown]
# ## One model, laid open `explain` puts model and guide side by side. The guide is a
# second program with the same site names; it copies no activations, and nothing in the
# network has changed.

# %%
model = zoo.BayesianNetwork(
    network, weight_priors["wide below, narrow on top"], likelihood
)
print(model.summary())
print(zoo.explain(model, guides.MeanField(model)))

# %% [markdown]
# ## Four guides and the truth The same model five times. NUTS draws from the posterior
# itself; each guide is the nearest member of a family, and `fidelity` says how near:
# error of the mean, ratio of the spread and Wasserstein-1 distance, in units of the
# truth's spread, with what the truth scores against itself in brackets.

# %%
truth = inference.NUTS(
    model,
    num_chains=2,
    warmup_steps=WARMUP,
    num_samples=DRAWS,
    max_tree_depth=7,
    progress=False,
).fit(data.train)
print("NUTS           ", zoo.convergence(truth, line))
family = {
    "Delta": guides.Delta(model),
    "MeanField": guides.MeanField(model),
    "LocalReparam": guides.LocalReparam(model),
    "MCDropout": guides.MCDropout(model, p=0.1),
}
figure, axes = plt.subplots(1, 5, figsize=(16, 3.2), sharey=True, layout="constrained")
picture(axes[0], "NUTS", truth.predict(line))
for ax, (name, guide) in zip(axes[1:], family.items(), strict=True):
    posterior = inference.SVI(
        model, guide, num_steps=STEPS, lr=1e-2, progress=False
    ).fit(data.train)
    print(f"{name:15s}", zoo.fidelity(posterior, truth, line))
    picture(ax, name, posterior.predict(line, num_samples=200))
plt.show()

# %% [markdown]
# ## From weights to nodes A node prior multiplies what enters each layer by a random
# variable per channel; the weights are point estimates. The network has 21 random
# numbers instead of 61, and the same guide interface. K components are K networks in
# one.

# %%
node_prior = priors.NodePrior(dist.Normal(1.0, 0.3), where="in", weights=priors.Point())
nodes = zoo.BayesianNetwork(network, node_prior, likelihood)
print(nodes.summary())
figure, axes = plt.subplots(1, 2, figsize=(8, 3.5), sharey=True, layout="constrained")
for ax, components in zip(axes, (1, 4), strict=True):
    guide = guides.NodeMixture(nodes, num_components=components)
    posterior = inference.SVI(
        nodes, guide, num_steps=STEPS, lr=1e-2, progress=False
    ).fit(data.train)
    picture(
        ax, f"NodeMixture, K = {components}", posterior.predict(line, num_samples=200)
    )
plt.show()

# %% [markdown]
# ## A likelihood that learns its noise, in one line
# `likelihoods.Gaussian(scale=dist.HalfNormal(1.0))` makes the noise a site like any
# other, and predictions use its posterior; a network with two outputs gives the noise
# input by input. The data were made with 0.1. Nodes find it; mean field over all
# weights cannot follow 40 points, calls the sinusoid noise, and its bound is content
# with that.

# %%
inferred, per_input = (
    likelihoods.Gaussian(scale=dist.HalfNormal(1.0)),
    likelihoods.HeteroscedasticGaussian(),
)
for title, net, prior, noisy, Guide in (
    ("nodes, one scale", network, node_prior, inferred, guides.NodeMixture),
    (
        "nodes, a scale per input",
        networks.MLP(1, 2, hidden=[20]),
        node_prior,
        per_input,
        guides.NodeMixture,
    ),
    (
        "weights, one scale",
        network,
        priors.WeightPrior(dist.Normal(0.0, 1.0)),
        inferred,
        guides.LocalReparam,
    ),
):
    model = zoo.BayesianNetwork(net, prior, noisy)
    posterior = inference.SVI(
        model, Guide(model), num_steps=STEPS, lr=1e-2, progress=False
    ).fit(data.train)
    print(
        f"{title:25s} noise {posterior.predict(data.train.x, num_samples=200).aleatoric.mean().sqrt():.2f}"
    )

# %% [markdown]
# ## What would make this result wrong
# - **A truth that has not converged.** `zoo.convergence` speaks first; a score against chains that disagree measures
#   the chains. The floor in brackets says how much of a distance is theirs.
# - **A guide that has not.** Look at `posterior.info.losses`; a guide that is still moving is not the family's best.
# - **A different model.** Node and weight priors are different beliefs: their posteriors may differ without either
#   being a worse approximation. `fidelity` compares guides of one model.
# - **One seed.** The ELBO of a network has many optima. Run three, and compare them by their loss.
