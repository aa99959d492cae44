# %% [markdown]
# # What is the exact posterior, and when do we have it?
#
# *Every approximation in this package wants to be near "the posterior". Can we ever see it?*
# For a model that is linear in its weights, with normal noise and a normal prior, it is a
# formula. This lesson looks at it while data arrive, uses it to test a sampler, and finds out
# how far it reaches: to the last layer of a network, to a network of infinite width, and to
# unknown noise. Shapes: N data, P weights, S draws, H hidden units.
#
# **You will learn**
# - how maximum likelihood (MLE), maximum a posteriori (MAP) and the posterior differ;
# - how fast a posterior contracts, and in which directions it never does;
# - how to test a sampler against a posterior that is known;
# - when a network has an exact posterior, and what its limit of infinite width is;
# - which models have none, and what one integral can save.
#
# There are four exercises. Replace the dots, and run the cell: it says what is wrong with
# your answer. The [answers](answers/03_exact_posterior.py) are in a file of their own.

# %%
import base64
import os
from pathlib import Path

import matplotlib.pyplot as plt
import pyro
import pyro.distributions as dist
import torch

import zoo
from zoo import (
    datasets,
    inference,
    landscape,
    likelihoods,
    networks,
    plots,
    priors,
    references,
)
from zoo.course import check, exact
from zoo.datasets.toy.conjugate import linear_posterior
from zoo.references.problems.wide import exact_limit
from zoo.reports.table import Table

SMOKE = "SMOKE" in os.environ  # shortens the loops, changes nothing else
WARMUP = 40 if SMOKE else 300
NUM_SAMPLES = 20 if SMOKE else 500

pyro.set_rng_seed(0)

# %% [markdown]
# ## A line, as data arrive
# The model is y = w x + b + noise. The noise has standard deviation 0.5, and w and b are
# N(0, 1) before the data. With the rows (x, 1) of all data in a matrix Φ, the posterior is
# normal as well,
#
# p(w, b | y) = N(Λ⁻¹ Φᵀy / 0.5², Λ⁻¹), Λ = ΦᵀΦ / 0.5² + I.
#
# Λ is the *precision*. It is a sum: one part from each datum and one from the prior.
# MAP is the mean of this normal distribution. MLE leaves the prior out: it is least squares.
# `linear_updates` computes all three after each datum.

# %%
NOISE = 0.5  # standard deviation
TRUTH = torch.tensor([1.2, -0.5])  # slope w and intercept b

line_x = 4 * torch.rand(80, 1) - 2
line_y = TRUTH[0] * line_x + TRUTH[1] + NOISE * torch.randn(80, 1)

line = zoo.BayesianNetwork(
    networks.MLP(1, 1, hidden=[]),  # no hidden layer: a line
    priors.WeightPrior(dist.Normal(0.0, 1.0)),
    likelihoods.Gaussian(NOISE),
)
SIZES = [0, 1, 2, 3, 5, 10, 20, 40, 80]
updates = landscape.linear_updates(line, (line_x, line_y), SIZES)

rows = []
for index, size in enumerate(SIZES):
    found = (updates.mle[index, 0], updates.map[index, 0], updates.std[index, 0])
    rows.append((size, *(float(value) for value in found)))
print(Table(("data", "slope: MLE", "MAP", "standard deviation"), rows))

for index in (1, 3, 6):
    updates.plot(index, truth=TRUTH)
plt.show()

# %% [markdown]
# On the left are the lines as points: slope (`layer1.weight`) and intercept (`layer1.bias`). On
# the right are the lines as lines. The first datum happens to lie at x = -0.01. It says where
# the line is there, and nothing about the slope, whose standard deviation stays 1.000. So there
# is no MLE yet. After two data MLE has a slope of 1.56, and goes through both points. MAP is
# a compromise with the prior, 1.06. After eighty they are 1.233 and 1.230: the likelihood
# has outgrown the prior.
#
# MLE and MAP are single lines. At three data they say nothing about how wrong they may be. The
# posterior does: 0.25 then, and 0.048 at the end.
#
# The film has a frame for each row of the table. (Outside of a notebook, open `line.gif`.)

# %%
in_notebook = "get_ipython" in globals()
if in_notebook or not SMOKE:
    updates.animate("line.gif", truth=TRUTH, dpi=70, frames_per_second=1.0)
if in_notebook:
    from IPython.display import HTML, display

    film = base64.b64encode(Path("line.gif").read_bytes()).decode()
    text = "The posterior of a line contracts as data arrive"
    display(HTML(f'<img alt="{text}" src="data:image/gif;base64,{film}">'))

# %% [markdown]
# ### Exercise 1: the formula
# Write it as a function: features (N, P), targets (N,), the standard deviation of the noise,
# and that of the prior, which is the same for all weights. Return mean (P,) and covariance
# (P, P).

# %%
my_posterior = ...  # lambda features, y, noise, scale: (mean, covariance)

check(exact.posterior, my_posterior)

# %% [markdown]
# ## How fast, and where
# Each datum adds about the same to the precision, so the standard deviation falls as 1/√N.
# But a datum only adds in the direction of its own features. We measure two experiments: one
# with inputs between -2 and 2, one in which all inputs are 1.


# %%
def line_posterior(inputs):
    """Return the posterior of slope and intercept after some inputs; targets do not matter."""
    features = torch.stack([inputs, torch.ones_like(inputs)], -1)
    return linear_posterior(features, torch.zeros(len(inputs)), NOISE, 1.0)


def deviations(inputs):
    """Return the standard deviations of w, of w + b and of w - b."""
    covariance = line_posterior(inputs).covariance
    directions = torch.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, -1.0]]).double()
    return (directions @ covariance @ directions.T).diagonal().sqrt()


NUMBERS = [1, 3, 10, 30, 100, 300, 1000, 3000]
spread = torch.stack([deviations(4 * torch.rand(n) - 2) for n in NUMBERS])
at_one = torch.stack([deviations(torch.ones(n)) for n in NUMBERS])

figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained", sharey=True)
titles = ("inputs between -2 and 2", "all inputs are 1")
for ax, values, title in zip(axes, (spread, at_one), titles, strict=True):
    for column, style in zip(values.T, ("C0o-", "C1s--", "C2^-."), strict=True):
        ax.plot(NUMBERS, column, style, markersize=4)
    ax.plot(NUMBERS, NOISE / torch.tensor(NUMBERS).sqrt(), "k:")
    ax.set(title=title, xlabel="data N", xscale="log", yscale="log")
axes[0].set_ylabel("standard deviation")
axes[0].legend(["w", "w + b", "w - b", "noise / √N"], frameon=False)
plt.show()

# %% [markdown]
# On the left everything falls as 1/√N. On the right only w + b does, the value at x = 1, which
# is all that these data show. For w - b the standard deviation is 1.41 after 3,000 data, as in
# the prior: more data *of the same kind* do not help. In a network there are many such
# directions. Data that never show a thing leave the prior's uncertainty about it, and this is
# what one wants to see far from the data.
#
# ### Exercise 2: how many data?
# Inputs are uniform between -2 and 2, and the noise has standard deviation 0.5. About how many
# data do you need until the standard deviation of the slope is 0.01? (Any answer within 3 % is
# right.)

# %%
my_number = ...

check(exact.data_needed, my_number)

# %% [markdown]
# ## Many features, few data
# "Linear" means linear in the weights. The features may be anything: here they are powers of x
# up to the ninth, and there are ten data. MLE has as many weights as data, and goes through
# all of them.

# %%
few_x = torch.linspace(-0.95, 0.95, 10).double()
few_y = torch.sin(3 * few_x) + 0.2 * torch.randn(10).double()
grid = torch.linspace(-1.15, 1.15, 200).double()


def powers(inputs):
    return torch.stack([inputs**power for power in range(10)], -1)  # (N, P)


mle = torch.linalg.lstsq(powers(few_x), few_y.unsqueeze(-1)).solution.squeeze(-1)
cubics = linear_posterior(powers(few_x), few_y, noise=0.2, scale=2.0)
weights = torch.distributions.MultivariateNormal(cubics.mean, cubics.covariance)
functions = weights.sample((200,)) @ powers(grid).T  # (S, N)

figure, axes = plt.subplots(1, 3, figsize=(10, 3.3), layout="constrained", sharey=True)
axes[0].plot(grid, powers(grid) @ mle, "C1--", label="MLE")
axes[0].plot(grid, powers(grid) @ cubics.mean, "C0-", label="MAP")
axes[0].legend(frameon=False, loc="lower right")
axes[0].set(title="two single functions", ylabel="f(x)", ylim=(-2.5, 2.5))
plots.functions(grid, functions, num_functions=15, ax=axes[1])
axes[1].set(title="draws of the posterior")
plots.predictive_band(grid, draws=functions, ax=axes[2])
axes[2].set(title="50 % and 90 % of the posterior")
for ax in axes:
    ax.plot(few_x, few_y, "k.")
    ax.plot(grid, torch.sin(3 * grid), "k:", linewidth=1)
    ax.set_xlabel("x")
plt.show()

sizes = (mle.abs().max(), cubics.mean.abs().max())
print("largest weight: MLE {:.0f}, MAP {:.1f}".format(*(float(size) for size in sizes)))

# %% [markdown]
# MLE passes through all ten data, with weights of up to 135, and swings between the outer ones.
# MAP, under a prior of scale 2, has nothing above 2.4 and is near the dotted truth. The posterior
# has the same mean as MAP, in a linear model always. What it adds is in the middle and on
# the right: draws agree among the data, and part beyond them within a tenth of a unit.
#
# ### Exercise 3: the next observation
# The posterior of a line, (w, b), has mean (1, 0) and covariance [[0.04, 0.01], [0.01, 0.02]]. The
# noise has standard deviation 0.5. Which standard deviation has the next *observation* at x = 3?

# %%
my_deviation = ...

check(exact.observation, my_deviation)

# %% [markdown]
# ## Is the sampler right?
# Now the formula is worth something: whatever claims to draw from a posterior must agree with
# it. `toy.linear` has 50 data with three correlated inputs, and its exact posterior. We run
# NUTS, the sampler that the package takes for small networks. Two numbers that come from
# random draws never agree exactly. So we measure the difference in units of its own
# standard error: we divide the draws into 20 parts, and see how much the means of the parts
# vary. Such a z is beyond 3 in one of 100 cases or fewer.

# %%
data = datasets.toy.linear()


def linear_model(noise):
    network = networks.MLP(3, 1, hidden=[])
    prior = priors.WeightPrior(dist.Normal(0.0, data.prior_scale))
    return zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(noise))


def sampled(model):
    """Return draws of NUTS, and their weights as (C, S, P): three slopes and the bias."""
    nuts = inference.NUTS(
        model,
        num_chains=4,
        warmup_steps=WARMUP,
        num_samples=NUM_SAMPLES,
        progress=False,
    )
    posterior = nuts.fit(data.train)
    slopes = posterior.draws["layer1.weight"].squeeze(-2)
    return posterior, torch.cat([slopes, posterior.draws["layer1.bias"]], -1)


def in_errors(values, truth):
    """Return the difference of a mean (C, S) from the truth, in its standard errors."""
    means = values.reshape(20, -1).mean(-1)
    return float((means.mean() - truth) / (means.std() / 20**0.5))


posterior, draws = sampled(linear_model(data.noise))
if not SMOKE:
    print(zoo.convergence(posterior, data.test.x))

exact_sd = data.exact.covariance.diagonal().sqrt()
mistaken = linear_posterior(
    torch.cat([data.train.x, torch.ones(50, 1)], -1),
    data.train.y.squeeze(-1),
    noise=data.noise**2,  # the variance where the standard deviation belongs
    scale=data.prior_scale,
)
rows = []
for index, name in enumerate(("w1", "w2", "w3", "b")):
    values = draws[..., index].double()
    deviation = (values - data.exact.mean[index]).square()
    row = (
        float(data.exact.mean[index]),
        in_errors(values, data.exact.mean[index]),
        float(exact_sd[index]),
        in_errors(deviation, exact_sd[index] ** 2),
        in_errors(deviation, mistaken.covariance[index, index]),
    )
    rows.append((name, *row))
columns = ("weight", "exact mean", "NUTS: z", "exact sd", "NUTS: z", "z of a mistake")
print(Table(columns, rows))

# %% [markdown]
# All eight z are below 1, those of the means and those of the variances. The last column is to
# show that the test could have failed: a formula with the variance of the noise in the place of
# its standard deviation, a common mistake, is 11 to 20 standard errors away. A test that
# rejects nothing shows nothing. The samplers and guides of the package are tested in this way.
#
# ## A network: fix all but the last layer
# A network is linear in the weights of its *last* layer. If the other layers are fixed, their
# outputs are features, and the last layer has an exact posterior. We take one hidden layer of
# H ReLU units with weights drawn from the prior, and never train it. The data are 40 points of
# a noisy sinusoid with a gap.
#
# With more units the random features matter less and less. At infinite width the sum over units
# is a Gaussian process by the central limit theorem, for the last layer alone and for all
# weights. Its covariance, the *kernel*, is known for ReLU units, so its posterior is a
# formula too. And for the whole network, all 3,001 weights at H = 1,000, the package ships
# draws of NUTS.

# %%
wide = references.load("wide")
x, y = wide.data.train
inputs = wide.inputs  # (M, 1)
limit = exact_limit(x, y, inputs)
limit_sd = limit.variance.sqrt()


def last_layer(width):
    """Return mean and standard deviation of a network with a random hidden layer."""
    weights = 2**0.5 * torch.randn(width).double()
    biases = torch.randn(width).double()

    def features(inputs):
        hidden = torch.relu(inputs.double() * weights + biases)  # (N, H)
        return torch.cat([hidden, torch.ones(len(inputs), 1)], -1)

    scales = torch.cat([torch.full((width,), (2 / width) ** 0.5), torch.ones(1)])
    found = linear_posterior(features(x), y.squeeze(-1), noise=0.3, scale=scales)
    at = features(inputs)
    return at @ found.mean, (at @ found.covariance * at).sum(-1).sqrt()


_, by_nuts = wide.runs["NUTS"].functions
by_nuts = by_nuts.flatten(0, 1)[..., 0]  # (S, M)
found = {f"last layer, {width:,} units": last_layer(width) for width in (5, 50, 1000)}
found["all weights, 1,000 units"] = by_nuts.mean(0), by_nuts.std(0)

figure, axes = plt.subplots(1, 4, figsize=(12, 3.2), layout="constrained", sharey=True)
rows = []
for ax, (name, (mean, sd)) in zip(axes, found.items(), strict=True):
    plots.predictive_band(inputs[:, 0], mean, sd, levels=(0.9,), ax=ax)
    for sign in (-1.645, 1.645):
        ax.plot(inputs, limit.mean + sign * limit_sd, "C1--", linewidth=1)
    ax.plot(x, y, "k.", markersize=4)
    ax.set(title=name, xlabel="x", ylim=(-5, 5))
    error = ((mean - limit.mean).abs() / limit_sd).mean()
    rows.append((name, float(error), float((sd / limit_sd).mean())))
axes[0].set_ylabel("f(x)")
plt.show()
columns = ("posterior", "error of the mean, in sd of the limit", "sd / sd of the limit")
print(Table(columns, rows))

# %% [markdown]
# With 5 random units the posterior is wrong by 1.6 standard deviations: their kinks are where
# they happen to be. With 50 the mean is off by 0.16, with 1,000 by 0.1. All 3,001 weights by
# NUTS are at 0.04, within the noise of 800 draws. So a wide network has an exact posterior
# *over functions*, and there one can test a sampler of a whole network. Over weights it
# still has none: hidden units can be exchanged, so there are many equal modes.
#
# The fixed layer has a price which this picture does not show. The features do not adapt to the
# data, neither here nor in the limit. Networks are mostly used because theirs do. If one trains
# the network first and then takes the exact posterior of its last layer, features fit, but their
# uncertainty is lost. `guides.LastLayer` keeps both: a guide for the lower layers, and the
# formula for the last, given them.
#
# ## When the noise is not known
# Nobody knows the noise. `likelihoods.Gaussian(dist.HalfNormal(1.0))` makes its standard deviation
# σ a random variable with a prior, a site like any other. The formula is gone, for σ is not a
# weight of a linear model. But *given* σ it still holds, and it includes the evidence p(y | σ).
# So p(σ | y) is proportional to p(y | σ) p(σ), one number on a grid of one dimension. NUTS
# samples weights and noise together.

# %%
posterior, draws = sampled(linear_model(dist.HalfNormal(1.0)))
if not SMOKE:
    print(zoo.convergence(posterior, data.test.x))
noise_draws = posterior.draws["likelihood:scale"].double()

sigma = torch.linspace(0.2, 1.2, 400).double()
features = torch.cat([data.train.x, torch.ones(50, 1)], -1)
targets = data.train.y.squeeze(-1)
log_evidence = [
    linear_posterior(features, targets, float(value), data.prior_scale).log_evidence
    for value in sigma
]
log_density = torch.stack(log_evidence) + dist.HalfNormal(1.0).log_prob(sigma)
probability = log_density.softmax(0)  # of each point of the grid
step = sigma[1] - sigma[0]

mean = (probability * sigma).sum()
variance = (probability * (sigma - mean).square()).sum()
print(f"exact: mean {mean:.4f}, standard deviation {variance.sqrt():.4f}")
z_mean = in_errors(noise_draws, mean)
z_variance = in_errors((noise_draws - mean).square(), variance)
print(f"NUTS:  z {z_mean:.1f} and {z_variance:.1f}")

figure, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
ax.hist(
    noise_draws.flatten(), bins=40, density=True, color="C0", alpha=0.5, label="NUTS"
)
ax.plot(sigma, probability / step, "C1-", label="by the evidence")
ax.axvline(data.noise, color="black", linestyle=":", label="true noise")
ax.set(xlabel="standard deviation of the noise", ylabel="density")
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# The two agree, with z of 1.1 and 0.3. The data suggest 0.54 ± 0.06, and the truth is 0.5. One
# more unknown number costs one integral on a grid of 400 points, two would cost 160,000, and the
# 61 weights of a small network none of us can pay. This is where formulas end, and where samplers
# and guides begin.
#
# With a network a free noise is also a trap. If a guide cannot follow the curve, the model can
# explain the curve as noise. Compare the noise of a fit with that of NUTS, or with repeated
# measurements. The lesson on [lost correlations](06_lost_correlations.py) measures it.
#
# ### Exercise 4: formula or not?
# Which of these posteriors are normal distributions in closed form, by the formula of exercise 1
# or with a small change of it? Priors are normal throughout, and everything else is known.
#
# 1. The weights of features sin(x), sin(2x), ..., sin(50x), normal noise.
# 2. The weights of a logistic regression.
# 3. The last layer of a trained ResNet that predicts an age, normal noise.
# 4. All weights of a network with one hidden layer of *linear* units, normal noise.
# 5. A line whose data have different noise, the standard deviation of each being known.
# 6. A line with noise from a Student's t distribution.

# %%
my_formulas = ...  # six booleans, True where there is a formula

check(exact.has_formula, my_formulas)

# %% [markdown]
# ## What would make this result wrong
# - **A wrong model.** An exact posterior is exact for its model. With the wrong noise or
#   the wrong features it contracts to 1/√N around a wrong value, and is sure of it.
# - **Data that depend on each other.** Twice the same data count twice in Λ. The formula
#   believes that all noise is independent.
# - **Rounding.** Λ of 10 powers has a condition number of millions. Use float64 and Cholesky
#   factors; in float32 a covariance may have negative variances.
# - **z of few parts.** The 20 parts have to be longer than the draws depend on each other, and
#   20 parts give a standard error that is known to a sixth.
# - **One data set.** Compare samplers on several, and on problems that are hard, before you
#   believe them: on a line everything works.
#
# ## Further reading
# - Bishop (2006), *Pattern Recognition and Machine Learning*, sections 3.3 and 3.5.
# - MacKay (1992), *Bayesian Interpolation*, on the evidence.
# - Neal (1996), *Bayesian Learning for Neural Networks*, chapter 2; Cho and Saul (2009), *Kernel
#   Methods for Deep Learning*; Lee et al. (2018), *Deep Neural Networks as Gaussian Processes*.
# - Snoek et al. (2015), *Scalable Bayesian Optimization Using Deep Neural Networks*, and Harrison,
#   Willes, Snoek (2024), *Variational Bayesian Last Layers*.
# - Geweke (2004), *Getting It Right: Joint Distribution Tests of Posterior Simulators*.
# - [Distance from known posteriors](../docs/guides.md#distance-from-known-posteriors), and the
#   lesson on [the landscape](13_the_landscape.py), which begins with the same line.
