# %% [markdown]
# # How does HMC work, and how do I know that it failed?
#
# *Hamiltonian Monte Carlo is called exact. It is exact when it has run for ever.* Until then
# it gives draws that look like a posterior whether they are one or not. This lesson writes it
# in ten lines, lets it fail in several ways, and shows which number says so. Then it does the
# same with NUTS on a small network. Shapes: C chains, S draws, D coordinates, M function
# values.
#
# **You will learn**
# - what a leapfrog step is, and why the energy tells whether it was small enough;
# - what acceptance repairs, and what it cannot repair;
# - what a divergence means, and why smaller steps are not its remedy;
# - to compare chains by R-hat, in function space and not in weight space;
# - to read what a sampler says about its own run.
#
# There are five exercises. Replace the dots, and run the cell: it says what is wrong with
# your answer. The [answers](answers/04_how_hmc_works.py) are in a file of their own.

# %%
import math
import os
import warnings

import matplotlib.pyplot as plt
import pyro
import pyro.distributions as dist
import torch

import zoo
from zoo import datasets, inference, likelihoods, networks, plots, priors
from zoo.course import check, sampling
from zoo.diagnostics import rhat  # that of ArviZ: (C, S, M) -> (M,)
from zoo.reports.table import Table

SMOKE = "SMOKE" in os.environ  # shortens the loops, changes nothing else
NUM_CHAINS = 10 if SMOKE else 200
NUM_DRAWS = 8 if SMOKE else 60

pyro.set_rng_seed(0)

# %% [markdown]
# ## A ball in a valley
# We want draws of a density p(q). HMC thinks of a ball at q on a surface of the height
# U(q) = -log p(q), the **potential energy**. The ball gets a random push, the momentum
# p ~ N(0, I), and rolls for a while. Its total energy
#
# H(q, p) = U(q) + |p|² / 2
#
# stays the same on the way. So it comes to places that are as probable as the one it left,
# and far away. A computer lets it roll in steps. The **leapfrog** takes half a step of the
# momentum, then steps of place and momentum in turns:


# %%
def leapfrog(q, p, gradient, step_size, num_steps):
    """Let balls (C, D) roll; `gradient` is that of the potential energy."""
    p = p - step_size / 2 * gradient(q)
    for _ in range(num_steps):
        q = q + step_size * p
        p = p - step_size * gradient(q)
    p = p + step_size / 2 * gradient(q)  # the last step was half a step too long
    return q, p


SCALES = torch.tensor([1.0, 0.1])  # a narrow valley: standard deviations 1 and 0.1


def valley(q):
    """Return the potential energy of a normal density, (C, D) -> (C,)."""
    return (q / SCALES).square().sum(-1) / 2


def energy(potential, q, p):
    return potential(q) + p.square().sum(-1) / 2


def gradient_of(potential):
    def gradient(q):
        q = q.detach().requires_grad_()
        return torch.autograd.grad(potential(q).sum(), q)[0]

    return gradient


# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
start_q, start_p = torch.tensor([[-1.5, 0.1]]), torch.tensor([[0.7, 1.0]])
before = energy(valley, start_q, start_p)
for step_size, style in ((0.02, "C0-"), (0.15, "C1.--"), (0.205, "C3x:")):
    q, p = start_q, start_p
    path, change = [q], [0.0]
    for _ in range(round(2.0 / step_size)):
        q, p = leapfrog(q, p, gradient_of(valley), step_size, num_steps=1)
        path.append(q)
        change.append(float(energy(valley, q, p) - before))
    path = torch.cat(path)
    axes[0].plot(*path.T, style, linewidth=1, label=f"ε = {step_size}")
    axes[1].plot(step_size * torch.arange(len(path)), change, style, linewidth=1)
axes[0].set(xlabel="first coordinate", ylabel="second coordinate", ylim=(-0.8, 0.8))
axes[0].legend(frameon=False, title="step size")
axes[1].set(xlabel="time, ε · steps", ylabel="H - H before, nats", yscale="symlog")
plt.show()

# %% [markdown]
# The small steps follow the ball, and the energy stays. With ε = 0.15 the path is coarse, the
# energy goes up and down by a few nats, and *it comes back*: the error does not grow with
# the length of the path. This is why HMC uses the leapfrog and not a better known method.
# With ε = 0.205 it grows without end. The limit is sharp: for a normal density of standard
# deviation σ, the leapfrog is stable as long as ε < 2σ.
#
# ### Exercise 1: the largest step
# A posterior is about normal, without correlations. Its weights have standard deviations
# 2, 0.5, 0.5 and 0.03. Below which step size is a leapfrog step stable?

# %%
my_limit = ...

check(sampling.largest_step, my_limit)

# %% [markdown]
# ## Accept, or stay
# Steps change the energy, and so the balls would not end in the right places. A last step
# repairs it: the end of the path is **accepted** with a probability that depends on the
# change of the energy alone. Otherwise the chain stays where it was, and that place counts
# once more. This is all of HMC. The number of steps is random, because a ball that rolls for
# one whole period is back where it was.


# %%
def hmc(potential, q, step_size, num_steps, num_draws, accept=True):
    """Return draws (C, S, D) and changes of energy (C, S) from chains that begin at q."""
    gradient = gradient_of(potential)
    draws, changes = [], []
    for _ in range(num_draws):
        p = torch.randn_like(q)
        number = int(torch.randint(1, 2 * num_steps, ()))
        new_q, new_p = leapfrog(q, p, gradient, step_size, number)

        change = energy(potential, new_q, new_p) - energy(potential, q, p)
        change = change.nan_to_num(nan=math.inf)  # a path that left all numbers
        if accept:
            moves = torch.rand(len(q)) < torch.exp(-change)
            new_q = torch.where(moves.unsqueeze(-1), new_q, q)
        q = new_q
        draws.append(q)
        changes.append(change)
    return torch.stack(draws, 1), torch.stack(changes, 1)


rows = []
for step_size in (0.02, 0.05, 0.1, 0.15, 0.18, 0.195, 0.22):
    num_steps = round(1.5 / step_size)
    start = SCALES * torch.randn(NUM_CHAINS, 2)  # draws of the target: nothing to find
    always, _ = hmc(valley, start, step_size, num_steps, NUM_DRAWS, accept=False)
    draws, changes = hmc(valley, start, step_size, num_steps, NUM_DRAWS)

    without = always[:, NUM_DRAWS // 2 :, 1].std() / SCALES[1]
    ratio = draws.flatten(0, 1).std(0)[1] / SCALES[1]
    rate = torch.exp(-changes).clamp(max=1).mean()
    effective = SCALES**2 / draws.mean(1).var(0)  # independent draws that are as good
    each = 1000 * effective.min() / (NUM_DRAWS * num_steps)
    rows.append((step_size, *(float(v) for v in (without, rate, ratio, each))))
ESS = "ESS of 1,000 gradients"
columns = ("step size", "sd, never refused", "acceptance", "sd", ESS)
digits = {"sd, never refused": 2, "acceptance": 2, "sd": 2, ESS: 0}
print(Table(columns, rows, digits))

# %% [markdown]
# The second and fourth columns are standard deviations of the narrow direction over the true
# one. Without acceptance the draws are too wide, by 1/√(1 - ε²/4σ²). With it they are right
# at *every* step size that moves at all. What a wrong step size costs is time. The last
# column has the **effective sample size** (ESS), the number of independent draws whose mean
# has the same error. Small steps need many gradients for one draw. Large steps are refused.
# The best is in between, at an acceptance of 0.81, which samplers adapt the step size to.
#
# Beyond the limit next to nothing is accepted. Look at the last row: the standard deviation
# is right, because the chains stand where they began, at draws of the target. **A chain that
# does not move looks fine by its mean and its spread.** Only acceptance and ESS show it.
#
# ### Exercise 2: the rule
# Write the probability of acceptance as a function of the energies before and after the path,
# both (C,). A path may have left the numbers: then its energy is nan or inf.

# %%
my_acceptance = ...  # lambda before, after: ...

check(sampling.acceptance, my_acceptance)

# %% [markdown]
# ## A funnel
# No step size fits a posterior whose valley is wide here and narrow there. Weights whose
# scale is random too are like that. Neal's funnel has the log of a variance, v ~ N(0, 3²),
# and nine weights x ~ N(0, exp(v)). The limit of the step size is 2 exp(v/2). It goes to
# zero as v falls.


# %%
def funnel(q):
    v, x = q[:, 0], q[:, 1:]
    narrow = x.square().sum(-1) * torch.exp(-v)
    return v**2 / 18 + narrow / 2 + 9 * v / 2


def standardised(q):
    """The same density in other coordinates: v, and z = x / exp(v/2)."""
    return q[:, 0] ** 2 / 18 + q[:, 1:].square().sum(-1) / 2


num_draws = 8 if SMOKE else 200
start = torch.randn(NUM_CHAINS // 2, 10)
runs = {}
for name, potential, step_size, num_steps in (
    ("ε = 0.2", funnel, 0.2, 10),
    ("ε = 0.05", funnel, 0.05, 40),
    ("standardised, ε = 0.2", standardised, 0.2, 10),
):
    draws, changes = hmc(potential, start, step_size, num_steps, num_draws)
    if potential is standardised:
        widths = torch.exp(draws[..., :1] / 2)
        draws = torch.cat([draws[..., :1], widths * draws[..., 1:]], -1)
    runs[name] = draws, changes

rows = []
for name, (draws, changes) in runs.items():
    v = draws[:, num_draws // 4 :, 0]
    rate = torch.exp(-changes).clamp(max=1).mean()
    diverged = int((changes > 1000).sum())
    rows.append((name, float(rate), diverged, float((v < -5).double().mean())))
exact = float(dist.Normal(0.0, 3.0).cdf(torch.tensor(-5.0)))
rows.append(("exact", None, None, exact))
print(Table(("run", "acceptance", "divergences", "share of v < -5"), rows))

# %%
figure, axes = plt.subplots(1, 3, figsize=(9, 3.6), layout="constrained", sharey=True)
for ax, name in zip(axes, ("ε = 0.2", "standardised, ε = 0.2"), strict=False):
    draws, changes = runs[name]
    origins = torch.cat([start.unsqueeze(1), draws[:, :-1]], 1)  # where paths began
    ax.plot(draws[:, ::20, 1], draws[:, ::20, 0], "C0.", markersize=2, alpha=0.5)
    diverged = changes > 1000
    ax.plot(origins[diverged][:, 1], origins[diverged][:, 0], "C3x", label="divergence")
    ax.set(title=name, xlabel="first weight", xlim=(-15, 15), ylim=(-11, 11))
axes[0].legend(frameon=False, loc="lower left")
axes[0].set_ylabel("v, log of the variance")
heights = torch.linspace(-11, 11, 100)
for name, style in zip(runs, ("C1-", "C2--", "C0-."), strict=True):
    draws, _ = runs[name]
    v = draws[:, num_draws // 4 :, 0].flatten()
    density = torch.histc(v, 22, -11, 11) / len(v)
    axes[2].plot(density, torch.arange(-10.5, 11), style, label=name)
density = dist.Normal(0.0, 3.0).log_prob(heights).exp()
axes[2].plot(density, heights, "k:", label="exact")
axes[2].set(title="marginal of v", xlabel="density")
axes[2].legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# With ε = 0.2, nine of ten paths are accepted, and the picture looks like a funnel. It ends
# at v = -4.6, where the limit of the step size is 0.2. Below v = -5 there are no draws at all,
# and 5 % of the mass. The only sign is three crosses among 20,000 paths.
#
# A **divergence** is a path whose energy grew by more than 1,000 nats. It is refused,
# so it harms nobody. It is a message: *here the steps are too large, and the chain will not
# go there*. What is missing is not the divergent draws, but all that lies behind them.
#
# Steps of 0.05 move the border to v = -7.4, and cost four times as much. The remedy is other
# coordinates: v and standardised weights are independent, and one step size fits them all. In
# the package it is `priors.Hierarchical(..., centred=False)`.
#
# ## Do the chains agree?
# A chain cannot say what it has not seen. Another one, which began elsewhere, can. R-hat
# compares two estimates of the variance of a number, from C chains of S draws:
#
# R-hat² = (W (S - 1) / S + B) / W, W = mean variance within the chains,
# B = variance of the means of the chains.
#
# If the chains agree, it is 1. The usual limit is 1.01. Here are two narrow modes, and chains
# that begin in one of them or in both.


# %%
def two_modes(q):
    """Return the potential of two normal densities of scale 0.3, at -2 and at 2."""
    far = torch.stack([q - 2, q + 2]) / 0.3
    return -torch.logsumexp(-far.square().sum(-1) / 2, 0)


rows = []
for name, begin in (("-2", [-2.0] * 4), ("-2 and 2", [-2.0, -2.0, 2.0, 2.0])):
    draws, changes = hmc(two_modes, torch.tensor(begin)[:, None], 0.2, 8, 5 * NUM_DRAWS)
    rate = torch.exp(-changes).clamp(max=1).mean()
    value = float(rhat(draws.double().numpy())[0])
    rows.append((name, float(rate), value, float(draws.mean())))
rows.append(("exact", None, 1.0, 0.0))
print(Table(("four chains begin at", "acceptance", "R-hat", "mean"), rows))

# %% [markdown]
# Acceptance is high in both runs, and no path diverges. R-hat finds the second run out. In
# the first all chains agree, and half of the posterior is missing. **R-hat can only find
# what one of the chains has seen**: begin them far apart.
#
# ### Exercise 3: by hand
# Write R-hat for draws (C, S, M) of M numbers; return (M,).

# %%
my_rhat = ...  # lambda draws: ...

check(sampling.rhat, my_rhat)

# %% [markdown]
# ## A network: functions, not weights
# NUTS is HMC that chooses the length of each path itself: the path doubles until its ends
# come nearer to each other. In warm-up it adapts the step size to an acceptance of 0.8, and
# learns the scale of every weight. Here it has 20 points of a noisy sinusoid with a gap, and
# a network of five tanh units, which has 16 weights. Four chains begin at draws of the prior,
# far from each other.

# %%
data = datasets.toy.sinusoid(num_data=20, noise=0.5, gap=(-0.7, 0.7))
weight_prior = priors.WeightPrior(priors.fan_in(1.5, bias_scale=1.5))
network = networks.MLP(1, 1, hidden=[5])
model = zoo.BayesianNetwork(network, weight_prior, likelihoods.Gaussian(scale=0.5))
grid = torch.linspace(-3, 3, 61).unsqueeze(-1)


def nuts(warmup_steps, num_samples, max_tree_depth):
    """Return the draws of four chains; what the sampler warns of is looked at below."""
    pyro.set_rng_seed(0)
    engine = inference.NUTS(
        model,
        num_chains=4,
        init="prior",
        warmup_steps=warmup_steps,
        num_samples=num_samples,
        max_tree_depth=max_tree_depth,
        progress=False,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return engine.fit(data.train)


def function_draws(posterior):
    """Return function values at the grid, (C, S, M)."""
    functions = posterior.predict(grid).functions[..., 0]
    return functions.unflatten(0, (posterior.num_chains, -1))


good = nuts(1, 5, 1) if SMOKE else nuts(300, 300, 8)
print(good.info)
print(zoo.convergence(good, grid))

# %%
figure, ax = plt.subplots(figsize=(8, 2.8), layout="constrained")
numbers = {name: draws.flatten(2) for name, draws in good.draws.items()}
numbers["function values"] = function_draws(good)
for row, draws in enumerate(numbers.values()):
    values = rhat(draws.double().numpy())
    ax.plot(values, [row] * len(values), "k|" if row == 4 else "C0o", alpha=0.6)
ax.axvline(1.01, color="grey", linestyle=":")
ax.set_yticks(range(len(numbers)), numbers)
ax.set(xlabel="R-hat; the dotted line is at 1.01", ylim=(-0.5, 4.5))
plt.show()

# %% [markdown]
# The functions have converged: the largest R-hat of 61 values is 1.006, and their smallest ESS
# is 862 of 1,200 draws. By the same limit of 1.01 four of the sixteen weights have not, and
# the worst has 1.019. (With ten units and 40 data the worst weight had 1.67, and the worst
# function value 1.01.) Is that a fault? No. Units of a layer may change places, and a tanh
# unit may change the sign of all its weights: other weights, the same function. A chain stays
# near some of these copies for a while. Predictions are made of functions, so functions are
# what has to agree.
#
# ### Exercise 4: how many copies?
# How many weight vectors, this one included, have the same function as five given tanh units,
# by exchange of units and changes of sign?

# %%
my_copies = ...

check(sampling.copies, my_copies)

# %% [markdown]
# ## A run that failed
# Now the same with a warm-up of 5 draws, 50 draws after it, and paths of at most seven steps.
# It takes about a hundredth of the gradients.

# %%
failed = nuts(1, 5, 1) if SMOKE else nuts(5, 50, 3)
print(zoo.convergence(failed, grid))

# %%
figure, axes = plt.subplots(2, 2, figsize=(9, 5), layout="constrained")
worst = int(rhat(function_draws(failed).double().numpy()).argmax())
place = float(grid[worst])
for row, (name, posterior) in zip(
    axes, {"as it should be": good, "failed": failed}.items(), strict=True
):
    draws = function_draws(posterior)
    for chain, style in zip(draws, ("-", "--", "-.", ":"), strict=True):
        row[0].plot(chain[:50, worst], style, linewidth=1)
    row[0].set(title=name, ylabel=f"f({place:.1f})", ylim=(-2.5, 2.5))
    observed = data.train.x[:, 0], data.train.y[:, 0]
    plots.predictive_band(
        grid[:, 0], draws=draws.flatten(0, 1), observed=observed, ax=row[1]
    )
    row[1].set(ylabel="f(x), 50 and 90 %", ylim=(-2.5, 2.5))
axes[1, 0].set_xlabel("draw; a line for each chain")
axes[1, 1].set_xlabel("x")
plt.show()

# %% [markdown]
# The bands on the right look much alike, and either could be in a paper. The left shows the
# function where R-hat is largest. The good chains cross each other at nearly every draw. The
# others begin too high, where the prior left them, and take thirty draws to come down; then
# each stays on its side for ten draws.
#
# The numbers say it without a picture. R-hat is 1.40, 200 draws are worth 10, and every path
# ended because it was not allowed to be longer. Nothing diverged, and acceptance was fine:
# those two tell of the steps, and the steps were small enough. So look at all of them: **R-hat
# and ESS of functions, divergences, length of paths.** `zoo.convergence` does, and names a
# remedy for each.
#
# ### Exercise 5: how exact is a mean?
# A function value has a standard deviation of 0.5 in the posterior. Four chains have 4,000
# draws, and its ESS is 100. What is the standard error of its mean?

# %%
my_error = ...

check(sampling.error_of_mean, my_error)

# %% [markdown]
# ## What would make this result wrong
# - **All chains in one mode.** Every number agrees, and a part of the posterior is missing.
#   Begin them far apart, take more of them, or
#   `inference.ParallelTempering`, whose chains change between prior and posterior.
# - **A part that no chain can enter.** In the funnel, chains agree on what they can reach.
#   Divergences and a low E-BFMI (how far momenta move a chain between energies) hint at it.
# - **Thinning away the evidence.** Keep divergences, acceptance and energies of all draws.
# - **R-hat of one number.** A mean may agree while the spread does not. The R-hat of ArviZ
#   used here ranks the draws and folds them, so it sees both.
# - **The right posterior of a wrong model.** None of these numbers knows whether prior and
#   likelihood are right.
#
# ## Further reading
# - Neal (2011), *MCMC using Hamiltonian dynamics*: leapfrog, acceptance, step sizes.
# - Betancourt (2017), *A Conceptual Introduction to Hamiltonian Monte Carlo*: divergences and
#   energies.
# - Hoffman and Gelman (2014), *The No-U-Turn Sampler*.
# - Neal (2003), *Slice Sampling*, section 8: the funnel. Betancourt and Girolami (2015),
#   *Hamiltonian Monte Carlo for Hierarchical Models*: its remedy.
# - Vehtari, Gelman, Simpson, Carpenter, Bürkner (2021), *Rank-normalization, folding, and
#   localization: An improved R-hat*.
# - Izmailov, Vikram, Hoffman, Wilson (2021), *What Are Bayesian Neural Network Posteriors
#   Really Like?*: 91 % of the predictions on CIFAR-10 have an R-hat below 1.1.
# - `zoo reproduce hmc-lenet-nodes` runs HMC over all nodes of a LeNet-5.
# - [Modes and symmetries](../docs/modes.md) has what to do with several modes.
