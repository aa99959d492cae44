# %% [markdown]
# # Which correlations does a mean field lose?
#
# *All of them, and that is known. What does it do to the functions?* A mean field draws each
# weight independently of the others. With two weights one can see in closed form what
# follows: where it is too narrow, where it is too wide, and when it is right. Then we
# exchange the guide of a network in one line and compare with the posterior itself.
# Shapes: S draws, N inputs, P weights.
#
# **You will learn**
# - which standard deviation a mean field has, and how many nats it loses;
# - why narrow weights give wide functions near the data, and narrow ones away from them;
# - to exchange a guide: `MeanField`, `LowRank`, `FullRank`, `LastLayer`, nodes;
# - which correlations of a network matter most;
# - why a point estimate can be *nearer* to the posterior than a mean field;
# - why a mean field takes a part of the signal for noise.
#
# There are four exercises. Replace the dots, and run the cell: it says what is wrong with
# your answer. The [answers](answers/06_lost_correlations.py) are in a file of their own.

# %%
import os

import matplotlib.pyplot as plt
import pyro
import pyro.distributions as dist
import torch
from matplotlib.patches import Ellipse

import guides
import zoo
from zoo import inference, likelihoods, plots, priors, references
from zoo.course import check, correlations
from zoo.reports.table import Table

SMOKE = "SMOKE" in os.environ  # shortens the loops, changes nothing else
NUM_STEPS = 20 if SMOKE else 2000

pyro.set_rng_seed(0)

# %% [markdown]
# ## Two weights
# The posterior is a normal density of two weights with standard deviations 1 and a
# correlation ρ. Its precision, the inverse of the covariance, is Λ. The ELBO is highest
# where KL(q, posterior) is smallest, and for independent normals that is at
#
# mean of the posterior, **σ_i = 1 / √Λ_ii**.
#
# This is the standard deviation of a weight *given the others*, here √(1 - ρ²). The weight
# alone has 1. The other divergence, KL(posterior, q), would give 1, but needs draws of the
# posterior.


# %%
def ellipse(covariance, **style):
    """Draw where a normal density at zero has 90 % of its mass."""
    values, vectors = torch.linalg.eigh(covariance)
    width, height = 2 * (4.605 * values).sqrt()  # 4.605: of chi-squared with 2
    angle = torch.atan2(vectors[1, 0], vectors[0, 0]).rad2deg()
    return Ellipse((0, 0), width, height, angle=float(angle), fill=False, **style)


def correlated(rho):
    return torch.tensor([[1.0, rho], [rho, 1.0]])


posterior = correlated(0.9)
given_the_other = torch.diag(1 / posterior.inverse().diagonal())
alone = torch.diag(posterior.diagonal())

figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
axes[0].add_patch(ellipse(posterior, color="k", label=r"posterior, $\rho$ = 0.9"))
axes[0].add_patch(
    ellipse(given_the_other, color="C0", ls="--", label="KL(q, posterior)")
)
axes[0].add_patch(ellipse(alone, color="C1", ls=":", label="KL(posterior, q)"))
axes[0].set(xlim=(-3, 3), ylim=(-3, 3), aspect="equal", xlabel="w₁", ylabel="w₂")
axes[0].legend(frameon=False, fontsize=8, loc="upper left")
rho = torch.linspace(0, 0.999, 200)
axes[1].plot(rho, (1 - rho**2).sqrt(), "C0--", label="scale of the mean field")
axes[1].plot(rho, -0.5 * (1 - rho**2).log(), "C3-", label="lost, nats")
axes[1].set(xlabel=r"correlation $\rho$", ylim=(0, 2))
axes[1].legend(frameon=False)
plt.show()

# %% [markdown]
# The mean field fits *into* the posterior, because a draw where the posterior has no mass
# costs a lot. It loses KL(q, posterior) = (Σ ln Λ_ii - ln |Λ|) / 2 nats, here
# -ln(1 - ρ²) / 2: its ELBO is that much below the log evidence. What it loses has no limit.
#
# ### Exercise 1: from a covariance
# Write the standard deviations of the mean field as a function of the posterior's
# covariance (P, P); return (P,).

# %%
my_scales = ...  # lambda covariance: ...

check(correlations.scales, my_scales)

# %% [markdown]
# ### Exercise 2: lost
# Three weights have standard deviations 1, 2 and 5. The first two have a correlation of 0.9,
# the third is independent. How many nats does the mean field lose?

# %%
my_loss = ...

check(correlations.lost, my_loss)

# %% [markdown]
# ## A line
# What does it do to functions? A line y = w x + b has two weights. If the inputs are between
# 4 and 6, a steeper line needs a lower b: slope and bias are correlated. Everything is in
# closed form, with a prior N(0, 3²).

# %%
NOISE, WIDE = 0.3, 3.0
inputs = torch.linspace(4, 6, 15)
targets = 0.5 * inputs - 1 + NOISE * torch.randn(15)
grid = torch.linspace(0, 8, 81)


def line(inputs):
    """Return mean and precision of slope and bias."""
    features = torch.stack([inputs, torch.ones_like(inputs)], -1)
    precision = features.T @ features / NOISE**2 + torch.eye(2) / WIDE**2
    mean = torch.linalg.solve(precision, features.T @ targets / NOISE**2)
    return mean, precision


def spread(at, covariance):
    """Return the standard deviation of the function."""
    features = torch.stack([at, torch.ones_like(at)], -1)
    return ((features @ covariance) * features).sum(-1).sqrt()


SHIFT = 5.0
mean, precision = line(inputs)
_, shifted = line(inputs - SHIFT)
curves = {
    "posterior": (grid, precision.inverse(), "k-"),
    "mean field": (grid, torch.diag(1 / precision.diagonal()), "C0--"),
    "mean field, x - 5": (grid - SHIFT, torch.diag(1 / shifted.diagonal()), "C1-."),
}
figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for name, (at, covariance, style) in curves.items():
    axes[1].plot(grid, spread(at, covariance), style, label=name)
for name, color in (("posterior", "k"), ("mean field", "C0")):
    draws = dist.MultivariateNormal(mean, curves[name][1]).sample((15,))
    lines = draws[:, :1] * grid + draws[:, 1:]
    axes[0].plot(grid, lines.T, color=color, linewidth=0.6, alpha=0.7)
axes[0].plot(inputs, targets, "k.")
axes[0].set(xlabel="x", ylabel="y", title="draws: black posterior, blue mean field")
axes[1].axvspan(4, 6, color="grey", alpha=0.15)
axes[1].set(xlabel="x (grey: the data)", ylabel="standard deviation of the function")
axes[1].set(ylim=(0, 1))
axes[1].legend(frameon=False)
plt.show()

rows = []
for name, (at, covariance, _) in curves.items():
    of_data = spread(inputs - SHIFT if "5" in name else inputs, covariance)
    values = spread(at, covariance)[[0, 50]]
    average = of_data.square().mean().sqrt()
    rows.append((name, *values.tolist(), float(average)))
print(Table(("guide", "sd at x = 0", "sd at x = 5", "sd at the data, rms"), rows))

# %% [markdown]
# At x = 0, away from the data, the mean field has an eighth of the true standard deviation,
# 0.08 against 0.62. In the middle of the data it has too much, 0.109 against 0.077. And
# averaged over the training inputs both have the same, 0.11. This is no accident. Without a
# prior that average is noise² P/N for either, because the likelihood sees no more than this
# average. **A mean field takes the waist away**, which is made of the correlation.
#
# With inputs around zero, slope and bias are independent, Λ is diagonal, and the mean field is
# exact. (The rest, 0.632 against 0.618, is another prior: b is now the value at x = 5.) This
# is a good reason to standardise inputs.
#
# ### Exercise 3: the right coordinates
# Three inputs are 1, 2 and 6. Which number does one subtract from them, so that the mean
# field over slope and bias is exact?

# %%
my_shift = ...

check(correlations.shift, my_shift)

# %% [markdown]
# ## A network, and five guides
# A network has no such coordinates: its weights are correlated whatever one does. We take
# the sinusoid with a gap and the network of 50 tanh units whose posterior comes with the
# package. `explain` shows a model and its guide side by side. The guide is a second program
# with the same site names. A fit changes its numbers; the network is not changed.

# %%
reference = references.load("sinusoid")
model, data = reference.model, reference.data
print(zoo.explain(model, guides.MeanField(model)))

# %% [markdown]
# Exchanging the guide is one line. `Delta` is the point estimate. `FullRank` with `per="all"`
# has the correlations of all weights, `LowRank` those of eight directions. `LastLayer` is a
# mean field over the first layer, and draws the last layer from its exact posterior given
# the first: with a normal prior and noise that is linear regression, as above. W1 is the
# Wasserstein distance of the function values, in standard deviations of the posterior, and
# -ELBO is in nats per datum.

# %%
families = {
    "Delta": guides.Delta(model),
    "MeanField": guides.MeanField(model),
    "LowRank, 8": guides.LowRank(model, rank=8, per="all"),
    "FullRank": guides.FullRank(model, per="all"),
    "LastLayer": guides.LastLayer(model),
}
posteriors = {}
for name, guide in families.items():
    engine = inference.SVI(model, guide, num_steps=NUM_STEPS, progress=False)
    posteriors[name] = engine.fit(data.train)

at = reference.inputs
truth = reference.posterior.predict(at).functions[..., 0]  # (S, N)
near = ~reference.away


def ratios(functions):
    """Return the sd of functions (S, N) over the true one, near the data and away."""
    ratio = functions.std(0) / truth.std(0)
    return float(ratio[near].mean()), float(ratio[reference.away].mean())


rows = []
functions = {"posterior": truth}
for name, posterior in posteriors.items():
    functions[name] = posterior.predict(at, num_samples=1000).functions[..., 0]
    card = zoo.fidelity(posterior, reference).scores
    bound = None
    if posterior.info.bound:
        bound = float(posterior.bound(data.train)[0])
    cells = card["mean_error"], *ratios(functions[name]), card["wasserstein"]
    kind = posterior.info.fit_kind or None
    rows.append((name, *(float(cell) for cell in cells), bound, kind))
columns = ("guide", "mean error", "sd near", "sd away", "W1", "-ELBO", "kind of fit")
print(Table(columns, rows))

# %%
figure, axes = plt.subplots(
    2, 3, figsize=(10, 5.4), layout="constrained", sharex=True, sharey=True
)
observed = data.train.x[:, 0], data.train.y[:, 0]
for ax, (name, values) in zip(axes.flat, functions.items(), strict=True):
    plots.predictive_band(at[:, 0], draws=values, observed=observed, ax=ax)
    ax.set(title=name, ylim=(-3, 3), xlabel="", ylabel="")
for ax in axes[1]:
    ax.set_xlabel("x")
for ax in axes[:, 0]:
    ax.set_ylabel("f(x), 50 and 90 %")
plt.show()

# %% [markdown]
# The mean field does what it did to the line: near the data it is too wide, 2.3 times, and
# away from them it has half of the spread. And its mean is wrong, by two standard deviations.
# It has flattened both ends: where functions are simple, noise on the weights does less harm.
#
# **Why is a point estimate nearer?** W1 is 0.83 for `Delta` and 2.27 for the mean field. A
# point at the mean of a normal posterior has 0.80: it lacks all the spread, and that counts
# no more. A guide whose mean is off by two has at least 2. So `Delta` wins by this score, and
# has no uncertainty at all. Read a distance together with the spreads.
#
# `LowRank` and `FullRank` contain every mean field, so their best ELBO cannot be lower. Here
# it is: these fits have not converged, as the last column says. `FullRank` has more than
# 11,000 numbers to find in 2,000 steps. So the table is no verdict on these families. But at
# a quarter of the rate and with 3,000 steps `FullRank` ends at an optimum, with 11.4 nats per
# datum, and is no nearer, 2.7. It is a local optimum: more numbers do not help a fit that
# begins in the wrong place.
#
# `LastLayer` is nearer than all of them, and has a loss of 0.30 nats per datum where the
# mean field has 6.4. It keeps two things: the correlations inside the last layer, and that the
# last layer depends on the first. **These correlations matter most**, for hidden units look
# alike, and each weight of the last layer has to know what the others do.
#
# ## Cut the correlations
# A mean field may be bad for other reasons. So take draws that are good, those of `LastLayer`,
# and shuffle them: each weight keeps all its values, but in an order of its own. Means and
# standard deviations stay as they were, to the last digit. Only correlations are cut.

# %%
draws = posteriors["LastLayer"].sample(1000)
shuffled = {}
for name, values in draws.items():
    order = torch.rand(values.shape).argsort(0)  # another one for each weight
    shuffled[name] = values.gather(0, order)


def network_values(weights):
    """Return the function of every draw, (S, N)."""
    hidden = torch.tanh(
        at @ weights["layer1.weight"].mT + weights["layer1.bias"].unsqueeze(1)
    )
    output = hidden @ weights["layer2.weight"].mT + weights["layer2.bias"].unsqueeze(1)
    return output[..., 0].detach()


rows = []
for name, weights in (("LastLayer", draws), ("shuffled", shuffled)):
    rows.append((name, *ratios(network_values(weights))))
print(Table(("draws", "sd near", "sd away"), rows))

# %% [markdown]
# The marginal distribution of every weight is the same, and the functions are rubbish: near
# the data they vary 42 times as much as they should. A mean field could have these marginals.
# Its ELBO would be terrible, so it takes others: narrow weights, simple functions.
#
# ### Exercise 4: what it costs
# The network has 151 weights. How many numbers does `FullRank(per="all")` optimise: means,
# and every entry of a covariance that is a number of its own?

# %%
my_number = ...

check(correlations.num_parameters, my_number)

# %% [markdown]
# ## Fewer random variables
# The other way is to have fewer weights that could be correlated. A **node prior** multiplies
# each input of a layer by a random variable, and the weights are point estimates. Of this
# network it makes 51 random variables instead of 151, and a draw changes all weights of
# a unit together. It is another model, with another posterior, so we do not score it against
# the reference.

# %%
node_prior = priors.NodePrior(dist.Normal(1.0, 0.3), where="in", weights=priors.Point())
node_model = zoo.BayesianNetwork(model.network, node_prior, model.likelihood)
print(node_model.summary())

figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained", sharey=True)
rows = [
    (
        "weights, posterior",
        *(float(truth.std(0)[part].mean()) for part in (near, ~near)),
    )
]
for ax, num_components in zip(axes, (1, 4), strict=True):
    guide = guides.NodeMixture(node_model, num_components=num_components)
    engine = inference.SVI(node_model, guide, num_steps=NUM_STEPS, progress=False)
    posterior = engine.fit(data.train)
    values = posterior.predict(at, num_samples=1000).functions[..., 0]
    plots.predictive_band(at[:, 0], draws=values, observed=observed, ax=ax)
    ax.set(title=f"NodeMixture, K = {num_components}", xlabel="x", ylabel="")
    ax.set_ylim(-3, 3)
    sds = [float(values.std(0)[part].mean()) for part in (near, ~near)]
    rows.append((f"nodes, K = {num_components}", *sds))
axes[0].set_ylabel("f(x), 50 and 90 %")
plt.show()
print(Table(("random", "sd near", "sd away"), rows))

# %% [markdown]
# The functions follow the data, and a second look says what that costs. Away from the data
# nodes have hardly more spread than near them, 0.06, where the weights' posterior has 0.42.
# The weights are points, and factors near 1 cannot change a function much. Four components
# are no different here.
#
# ## Signal or noise?
# So far the noise was known. Let it be a site like any other, with a prior HalfNormal(1). The
# true noise is 0.1. What do the guides find?

# %%
one_scale = likelihoods.Gaussian(scale=dist.HalfNormal(1.0))
weights_model = zoo.BayesianNetwork(model.network, model.prior, one_scale)
nodes_model = zoo.BayesianNetwork(model.network, node_prior, one_scale)
fits = {
    "weights, MeanField": (weights_model, guides.MeanField(weights_model)),
    "weights, LastLayer": (weights_model, guides.LastLayer(weights_model)),
    "nodes, NodeMixture": (nodes_model, guides.NodeMixture(nodes_model)),
}
rows = []
for name, (noisy_model, guide) in fits.items():
    engine = inference.SVI(noisy_model, guide, num_steps=NUM_STEPS, progress=False)
    posterior = engine.fit(data.train)
    prediction = posterior.predict(data.train.x, num_samples=300)
    noise = prediction.aleatoric.mean().sqrt()
    residual = (prediction.mean - data.train.y).square().mean().sqrt()
    bound = float(posterior.bound(data.train)[0])
    rows.append((name, float(noise), float(residual), bound))
print(Table(("guide", "noise", "error of the mean, rms", "-ELBO"), rows))

# %% [markdown]
# The mean field calls everything noise. Its mean has an error of 0.70, about that of a
# constant, and a noise of 1.4. The optimiser did not fail: with the true noise of 0.1 the loss
# was 6.4, and now it is 2.0. Independent weights cannot hold the sinusoid together, so it is
# cheaper to give it up. `LastLayer` finds 0.14 and the nodes 0.12. So **a large noise may be a
# property of the guide**: compare the ELBO of another one before you believe it. (That of the
# nodes, -0.3, is not comparable: their weights are points, whose freedom is not counted.)
#
# ## What would make this result wrong
# - **A guide that has not converged.** `FullRank` has 11,000 numbers to find. Look at
#   `posterior.info.losses` and at `info.fit_kind` before you blame a family.
# - **One fit.** The ELBO of a network has many optima. Fit with three seeds and keep the
#   highest ELBO, `inference.SVI(..., restarts=3)`.
# - **A different model.** Node priors and weight priors are different beliefs. `fidelity`
#   compares guides of one model.
# - **A posterior with many modes.** 151 weights have 50! 2⁵⁰ copies of every mode. A guide
#   around one of them loses nothing by that, as functions go. It loses other functions.
# - **Marginal bands.** All bands here are of single inputs. Two guides with the same bands can
#   have functions of different smoothness: `plots.functions` shows them.
#
# ## Further reading
# - Bishop (2006), *Pattern Recognition and Machine Learning*, section 10.1.2: the two
#   divergences.
# - MacKay (2003), *Information Theory, Inference, and Learning Algorithms*, chapter 33.
# - Turner and Sahani (2011), *Two problems with variational expectation maximisation for
#   time-series models*: what compactness does to parameters such as the noise.
# - Foong, Burt, Li, Turner (2020), *On the Expressiveness of Approximate Inference in
#   Bayesian Neural Networks*: no mean field has uncertainty in between.
# - Trinh, Kaski, Heinonen (2020), *Scalable Bayesian neural networks by layer-wise input
#   augmentation*, on nodes.
# - [How to choose a guide](../docs/guides.md) has the distances of all guides from six
#   posteriors, and [how close is your guide?](07_how_close_is_your_guide.py) the tools.
