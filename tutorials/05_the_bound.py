# %% [markdown]
# # What does the ELBO trade, and why do the scales grow by themselves?
#
# *Variational inference maximises one number. Nothing in the data asks for noise on a
# weight, and yet the noise grows.* With one weight everything is in closed form, so we can
# look at both sides of the trade. Then we can say what common mistakes in this number do,
# and how one finds them. Shapes: N data, B data of a batch, P weights.
#
# **You will learn**
# - what pulls the standard deviation of a weight up, what pushes it down, and where it ends;
# - why Gaussian noise has a best size, and dropout has none;
# - four common mistakes in the ELBO, what each does, and a test that finds them;
# - what a temperature and a factor β on the divergence mean;
# - to tell a posterior from a fit whose scales have not moved yet.
#
# There are five exercises. Replace the dots, and run the cell: it says what is wrong with
# your answer. The [answers](answers/05_the_bound.py) are in a file of their own.

# %%
import os

import matplotlib.pyplot as plt
import pyro
import pyro.distributions as dist
import torch
from torch.distributions import kl_divergence
from torch.nn.functional import softplus

import guides
import zoo
from zoo import datasets, diagnostics, inference, likelihoods, networks, priors
from zoo.course import bound, check
from zoo.reports.table import Table

SMOKE = "SMOKE" in os.environ  # shortens the loops, changes nothing else
NUM_EPOCHS = 2 if SMOKE else 100

pyro.set_rng_seed(0)

# %% [markdown]
# ## Two terms and one weight
# A line through zero, y = w x + noise of standard deviation 0.5, with the prior w ~ N(0, 1).
# The guide is q(w) = N(μ, σ²). The ELBO has two terms:
#
# ELBO = **E_q[log p(y | w)]** - **KL(q, prior)**
#
# The first is the mean log likelihood of the data under noisy weights, and for a line it is
# that at μ minus σ² Σx² / (2 · 0.5²). The second is how far the guide is from the prior:
# KL = -ln σ + (σ² + μ²)/2 - 1/2. It costs nothing to be the prior. Both are in nats.

# %%
NOISE = 0.5
x = torch.randn(20)
y = 0.8 * x + NOISE * torch.randn(20)
mu = (x * y).sum() / (x.square().sum() + NOISE**2)  # the mean of the posterior


def expected_log_likelihood(sigma, x=x, y=y):
    at_mean = dist.Normal(mu * x, NOISE).log_prob(y).sum()
    return at_mean - sigma**2 * x.square().sum() / (2 * NOISE**2)


def divergence(sigma):
    return -sigma.log() + (sigma**2 + mu**2) / 2 - 0.5


sigma = torch.logspace(-2.5, 0.3, 200)
likelihood = expected_log_likelihood(sigma)
elbo = likelihood - divergence(sigma)
best = (1 + x.square().sum() / NOISE**2).rsqrt()

figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
axes[0].plot(sigma, likelihood, "C0--", label="expected log likelihood")
axes[0].plot(sigma, -divergence(sigma), "C1-.", label="- KL")
axes[0].plot(sigma, elbo, "k-", label="ELBO, their sum")
axes[0].axvline(best, color="grey", linestyle=":")
axes[0].set(xscale="log", ylim=(-30, 2), xlabel=r"$\sigma$", ylabel="nats")
axes[0].legend(frameon=False, loc="lower left")
for number, style in ((2, "C0-"), (20, "C1--"), (2000, "C2-.")):
    force = 1 - sigma**2 * (1 + number / NOISE**2)
    axes[1].plot(sigma, force, style, label=f"Σx² = {number}")
axes[1].axhline(0, color="grey", linewidth=0.8)
axes[1].set(xscale="log", ylim=(-2, 1.2), xlabel=r"$\sigma$")
axes[1].set_ylabel(r"d ELBO / d ln $\sigma$, nats")
axes[1].legend(frameon=False)
plt.show()
print(f"the best scale is {best:.3f}")

# %% [markdown]
# The likelihood alone would have no noise: its line only falls. The divergence pulls σ up,
# towards the prior's scale of 1. On the right is the force on ln σ, 1 - σ² Λ, where Λ is the
# precision of the posterior. **It is one nat as long as σ is small, whatever the data are.**
# It comes from the entropy of the guide, ln σ + constant. So the scales grow by themselves,
# at the same rate for all weights, until the data push back. They end at σ = 1/√Λ. A weight
# that the data do not need has Λ = 1, and gets all the noise of the prior.
#
# ### Exercise 1: the best scale
# Write it as a function of x (N,), of the noise and of the prior's scale, both standard
# deviations.

# %%
my_scale = ...  # lambda x, noise, prior_scale: ...

check(bound.best_scale, my_scale)

# %% [markdown]
# ### Exercise 2: doubled
# The network below has 7,510 weights. A fit begins with all scales at 0.001, far below
# their best values. About how many nats does its ELBO gain if all scales double?

# %%
my_gain = ...

check(bound.doubled, my_gain)

# %% [markdown]
# ## Gaussian or Bernoulli noise
# Dropout is noise on weights too. With probability p a weight is 0, and otherwise it is
# μ / (1 - p). The mean is μ, and the standard deviation is σ = |μ| √(p / (1 - p)). Is it an
# ELBO with another guide? We compare it with a normal of the same mean and σ, on twenty
# labels of a logistic curve.

# %%
labels = dist.Bernoulli(logits=3 * x).sample()
nodes = torch.linspace(-6, 6, 401)  # of a sum over the normal
masses = dist.Normal(0.0, 1.0).log_prob(nodes).softmax(0)


def mean_log_likelihood(values, probabilities):
    """Average the log likelihood of the labels over values (..., K) of the weight."""
    logits = values.unsqueeze(-1) * x
    log_likelihood = dist.Bernoulli(logits=logits).log_prob(labels).sum(-1)
    return (probabilities * log_likelihood).sum(-1)


MU = 3.0
rates = torch.linspace(0.005, 0.6, 120)
spreads = MU * (rates / (1 - rates)).sqrt()
normal = mean_log_likelihood(MU + spreads[:, None] * nodes, masses)
two_points = torch.stack([torch.zeros(120), MU / (1 - rates)], -1)
bernoulli = mean_log_likelihood(two_points, torch.stack([rates, 1 - rates], -1))
kl = -spreads.log() + (spreads**2 + MU**2) / 2 - 0.5

figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
weights = torch.linspace(-3, 9, 200)
density = dist.Normal(MU, MU * 0.5).log_prob(weights).exp()
axes[0].plot(weights, density, "C0-", label=r"Gaussian, $\sigma$ = 1.5")
axes[0].stem([0.0, MU / 0.8], [0.2, 0.8], "C1", basefmt=" ", label="Bernoulli, p = 0.2")
axes[0].set(xlabel="weight", ylabel="density, or mass of a point", ylim=(0, 1.2))
axes[0].legend(frameon=False, loc="upper left")
axes[1].plot(spreads, normal, "C0--", label="E log likelihood, Gaussian")
axes[1].plot(spreads, bernoulli, "C1-.", label="E log likelihood, Bernoulli")
axes[1].plot(spreads, normal - kl + MU**2 / 2, "C0-", label="ELBO, Gaussian (+ 4.5)")
axes[1].set(xlabel=r"$\sigma$, standard deviation of the weight", ylabel="nats")
axes[1].legend(frameon=False)
plt.show()
top = spreads[(normal - kl).argmax()]
print(f"the ELBO of Gaussian noise is highest at a scale of {top:.2f}")

# %% [markdown]
# The likelihood falls with either noise. As long as σ is below 2.5 the two curves are less
# than one nat apart: they see little more than mean and variance. (For a line with Gaussian
# noise of y they are equal.) The difference is the other term. The Gaussian has a divergence,
# and so its σ has a best value, 0.76. Two points have no density, and their divergence from a
# prior with a density is **infinite**, for every p. When the infinity is dropped, a term for
# μ is left, which is weight decay, and nothing that pulls p up. By the likelihood alone the
# best rate is p = 0. **The rate of dropout has to come from somewhere else**, such as a
# validation set, and its loss is no bound. `guides.MCDropout` says so: `info.bound` is False.
#
# ### Exercise 3: the noise of dropout
# A weight is 3, and inputs are dropped at a rate of 0.2, the others scaled up. What is the
# standard deviation of the noisy weight?

# %%
my_spread = ...

check(bound.dropout_spread, my_spread)

# %% [markdown]
# ## Four ELBOs that are none
# The divergence is a sum over weights, the likelihood a sum over data. In batches the sum
# over B data stands for N, so it is multiplied by N/B. Widely used code does otherwise:
#
# 1. it takes the **mean** of the divergence over the weights of a tensor, not the sum;
# 2. it divides the divergence by the **number of layers**;
# 3. it adds the divergence of all weights to the **sum over a batch**: N/B is missing;
# 4. it computes the log prior as **log(density + 10⁻⁶)**, to be safe.
#
# The first three multiply the divergence by a factor c. What they maximise,
# E_q[log p(y | w)] - c KL, is c times an ELBO in which the log likelihood is divided by c.
# So they fit the posterior of data that count 1/c times each. Here is what this does to
# linear regression with 20 weights and 100 data, where all is known. The interval is
# the central 90 % of each weight; data come from the model, so 90 % would be right.

# %%
N, P, B, LAYERS = 100, 20, 10, 3
features = torch.randn(N, P).double()
truth = torch.randn(P).double()
targets = features @ truth + NOISE * torch.randn(N).double()
prior = dist.MultivariateNormal(torch.zeros(P).double(), torch.eye(P).double())


def fitted(c):
    """Return the normal that maximises E_q[log p(y | w)] - c KL(q, prior)."""
    precision = features.T @ features / (c * NOISE**2) + torch.eye(P)
    mean = torch.linalg.solve(precision, features.T @ targets / (c * NOISE**2))
    return dist.MultivariateNormal(mean, precision_matrix=precision)


def terms(q):
    """Return the expected log likelihood of all data, and the divergence, in nats."""
    at_mean = dist.Normal(features @ q.mean, NOISE).log_prob(targets).sum()
    spread = ((features @ q.covariance_matrix) * features).sum() / (2 * NOISE**2)
    return at_mean - spread, kl_divergence(q, prior)


def coverage(c):
    """Return how often the central 90 % of a weight hold it, over weights and data."""
    q = fitted(c)
    gain = q.covariance_matrix @ features.T / (c * NOISE**2)
    missed = gain @ features - torch.eye(P)  # of weights that come from the prior
    error = (missed @ missed.T + NOISE**2 * gain @ gain.T).diagonal().sqrt()
    ratio = q.stddev / error
    return (2 * dist.Normal(0.0, 1.0).cdf(1.645 * ratio) - 1).mean()


of_targets = features @ features.T + NOISE**2 * torch.eye(N)
log_evidence = dist.MultivariateNormal(0 * targets, of_targets).log_prob(targets)
rows = []
for name, c in (
    ("the ELBO", 1.0),
    ("1. mean over weights", 1 / P),
    ("2. divided by layers", 1 / LAYERS),
    ("3. N/B is missing", N / B),
):
    q = fitted(c)
    fit, kl = terms(q)
    cells = (c, q.stddev.mean(), coverage(c), fit - c * kl, fit - kl)
    rows.append((name, *(float(cell) for cell in cells)))
columns = ("maximised", "c", "scale", "90 % hold", "its own value", "ELBO")
print(Table(columns, rows, {"c": 2, "90 % hold": 2, "its own value": 1, "ELBO": 1}))
print(f"log evidence: {log_evidence:.1f} nats")

# %% [markdown]
# The first mistake makes data count 20 times, once for each weight. The scales are a quarter
# of what they should be (1/√20), and 90 % intervals hold 29 % of the weights. A tensor of
# a network has not 20 weights but 10⁴, so what such code fits is close to a point estimate.
# The second has the same sign and is milder. The third is the opposite: the prior counts ten
# times too much, the scales are three times too large, and networks hardly learn. All three
# lose ELBO. And no two of them lose the same: one global factor β cannot repair a mean that
# was taken tensor by tensor.
#
# The first two say of themselves that they are *better*: their own value is 66 and 43 nats
# **above the log evidence**, which no lower bound can be.
#
# The fourth mistake is in the prior. Where its density is below 10⁻⁶, the sum is 10⁻⁶, and
# its logarithm has no slope: far weights are not pulled back at all.

# %%
w = torch.tensor([0.2, 0.5, 0.7, 1.0], requires_grad=True)
narrow = dist.Normal(0.0, 0.1)
right = torch.autograd.grad(narrow.log_prob(w).sum(), w)[0]
safe = torch.autograd.grad((narrow.log_prob(w).exp() + 1e-6).log().sum(), w)[0]
rows = list(zip(w.tolist(), right.tolist(), safe.tolist(), strict=True))
columns = ("weight", "slope of log N(0, 0.1²)", "slope of log(density + 1e-6)")
print(Table(columns, rows))

# %% [markdown]
# How do you find out whether a strange ELBO is one? Ask it about a model whose log evidence
# is known. **At the exact posterior an ELBO is the log evidence, and elsewhere it is below.**
# A value above it is proof of a mistake, and so is another value at the exact posterior.

# %%
fit, kl = terms(fitted(1.0))
for name, c in (("the ELBO", 1.0), ("mean over weights", 1 / P), ("N/B", N / B)):
    print(f"{name:18s} {fit - c * kl - log_evidence:8.3f} nats above the log evidence")

# %% [markdown]
# ### Exercise 4: a loss for batches
# Write the loss of a batch: the negative ELBO of all N data, in nats, from the log
# likelihood of each datum of the batch (B,), and the divergence of all weights (a scalar).

# %%
my_loss = ...  # lambda log_likelihood, divergence, num_data: ...

check(bound.batch_loss, my_loss)

# %% [markdown]
# ### Exercise 5: a mean that counts
# A layer has 100 x 100 weights, and code takes the mean of their divergence instead of the
# sum. How often does each datum count in what it fits?

# %%
my_count = ...

check(bound.counted, my_count)

# %% [markdown]
# ## Temperatures
# A factor on purpose is a fair thing if one says what it is. In the package there are two.
# `likelihood_temperature=β` divides the log likelihood: it is the β before the KL of other
# authors, and data count 1/β times. `temperature=T` divides the likelihood *and* the prior:
# the posterior to the power 1/T. For the line above:

# %%
rows = []
for value in (0.1, 1.0, 10.0):
    of_likelihood = (1 + x.square().sum() / (value * NOISE**2)).rsqrt()
    of_all = value**0.5 * best
    rows.append((value, float(of_likelihood), float(of_all)))
print(Table(("value", "scale, likelihood_temperature", "scale, temperature"), rows))

# %% [markdown]
# Where the data decide they do nearly the same. A weight that the data do not need keeps
# its prior under β, and becomes narrower than its prior under a T below 1.
#
# ## Scales that have not moved yet
# The force on ln σ is one nat. The loss of a network is usually the mean over N data, and
# Adam takes steps of one size whatever the force is. From a small start, a small learning
# rate needs very many of them. Here is σ of the line, by Adam from 0.005:

# %%
figure, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
for rate, style in ((1e-4, "C3:"), (1e-3, "C1-."), (1e-2, "C0-"), (1e-1, "C2--")):
    raw = torch.tensor(0.005).expm1().log().requires_grad_()  # σ = ln(1 + exp(raw))
    optimizer = torch.optim.Adam([raw], lr=rate)
    path = []
    for _ in range(100 if SMOKE else 1200):
        optimizer.zero_grad()
        scale = softplus(raw)
        loss = -(expected_log_likelihood(scale) - divergence(scale)) / len(x)
        loss.backward()
        optimizer.step()
        path.append(float(scale.detach()))
    ax.plot(path, style, label=f"learning rate {rate:g}")
ax.axhline(best, color="grey", linewidth=0.8)
ax.set(xlabel="step", ylabel=r"$\sigma$; the grey line is the best", yscale="log")
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# At 10⁻⁴, a usual rate for means, σ has hardly left its start after 1,200 steps. This is so
# for a network too. Three fits of the digits (8 x 8 pixels, 100 hidden units): one at the
# optimum, one whose likelihood is cold, one whose scales begin at 0.005 and are slow.

# %%
data = datasets.digits(flatten=True)
steps = NUM_EPOCHS * 12


def digits_fit(init_scale, scale_lr, likelihood_temperature=1.0):
    pyro.set_rng_seed(0)
    network = networks.MLP(64, 10, hidden=[100])
    weight_prior = priors.WeightPrior(dist.Normal(0.0, 0.3))
    model = zoo.BayesianNetwork(network, weight_prior, likelihoods.Categorical())
    engine = inference.SVI(
        model,
        guides.LocalReparam(model, init_scale=init_scale),
        num_epochs=NUM_EPOCHS,
        lr=3e-3,
        scale_lr=scale_lr,
        likelihood_temperature=likelihood_temperature,
        progress=False,
    )
    return engine.fit(data.train, batch_size=128)


fits = {
    "temperature 1": digits_fit(0.05, 3e-2),
    "likelihood temperature 0.1": digits_fit(0.05, 3e-2, likelihood_temperature=0.1),
    "slow scales": digits_fit(0.005, 1e-4),
}
rows = []
for name, posterior in fits.items():
    prediction = posterior.predict(data.test.x, num_samples=50)
    wrong = (prediction.probs.argmax(-1) != data.test.y).double().mean()
    scale = float(posterior.guide.scale("layer1.weight").detach().median())
    value, _ = posterior.bound(data.train)
    kind = posterior.info.fit_kind or "too short to say"
    rows.append((name, float(100 * wrong), scale, float(value), kind))
columns = ("fit", "error, %", "median scale, layer 1", "bound, nats per datum", "kind")
print(Table(columns, rows))
model = fits["temperature 1"].model
print(f"no training: {diagnostics.baseline_nll(model, data.train):.2f} nats per datum")

# %% [markdown]
# The third fit has a good error, and it is no posterior: its scales are at 0.005, as they
# began. Its bound is 19 nats per datum. A network that knows nothing has 2.3, so such a bound
# is vacuous. The package finds this out after the last step and says so in `fit_kind`.
#
# And yet the fit at the optimum has the *largest* error, 5.8 % against 3.1 % and 3.6 %. It has
# the best bound by far, 1.33, and that is another question. The bound asks how well the guide
# does on the training data, at the price of the divergence. With a prior of scale 0.3 and
# independent weights the price is high, so the scales stay near the prior's, 0.28, and the
# network underfits. The remedy is a better guide, or another prior. A temperature of 0.1 is
# a repair: it counts every image ten times, and what it fits is not the posterior.
#
# ## What would make this result wrong
# - **A bound that is compared across models.** It has the evidence of *its* model above it.
#   A higher ELBO under another prior is evidence for that model, and says nothing on which
#   guide is nearer to its posterior.
# - **Two guides of one ELBO.** The gap to the log evidence is KL(q, posterior). Where it is
#   small, functions may still be wrong: see [lost correlations](06_lost_correlations.py).
# - **An optimum that is not one.** `fit_kind` finds scales that still have a force. It cannot
#   find another, better optimum.
# - **A closed form that is not yours.** The best σ of a network is 1/√Λ too, but Λ is then
#   the curvature averaged over the guide, and changes while the others move.
# - **Data counted twice.** Augmented images, weights of data or a sampler with replacement
#   change N, and with it what the divergence is worth.
#
# ## Further reading
# - Hinton and van Camp (1993), *Keeping the Neural Networks Simple by Minimizing the
#   Description Length of the Weights*: the trade, in bits.
# - Graves (2011), *Practical Variational Inference for Neural Networks*; Blundell et al.
#   (2015), *Weight Uncertainty in Neural Networks*.
# - Kingma, Salimans, Welling (2015), *Variational Dropout and the Local Reparameterization
#   Trick*; Gal and Ghahramani (2016), *Dropout as a Bayesian Approximation*; Hron, Matthews,
#   Ghahramani (2018), *Variational Bayesian Dropout: Pitfalls and Fixes*, on the infinity.
# - Wenzel et al. (2020), *How Good is the Bayes Posterior in Deep Neural Networks Really?*,
#   on cold posteriors.
# - [The bound beside every error](../docs/bound.md) has the kinds of fit.
