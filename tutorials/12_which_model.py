# %% [markdown]
# # Which model should I choose: leave-one-out, evidence, or held-out data?
#
# *Two priors, two networks, two noise scales: which one?* Three numbers are offered for this,
# and they do not always agree. This lesson computes all three exactly, where that is possible,
# finds out why they disagree, and then estimates them for a network. Shapes: N data, S draws,
# P weights, M models.
#
# **You will learn**
# - what the log evidence, leave-one-out and held-out data measure, as one sum;
# - why the evidence punishes a wide prior, and why the other two hardly notice it;
# - how leave-one-out is had from one fit (PSIS), and how it says that it failed;
# - when a difference between two models is more than chance;
# - which estimates of the evidence can be trusted on a network, and which cannot.
#
# There are four exercises. Replace the dots, and run the cell: it says what is wrong with
# your answer. The [answers](answers/12_which_model.py) are in a file of their own. At the end
# are the twelve questions of this course, as decisions.

# %%
import os
import warnings

import matplotlib.pyplot as plt
import pyro
import pyro.distributions as dist
import torch
from torch.distributions import MultivariateNormal, Normal

import guides
import zoo
from zoo import datasets, inference, likelihoods, networks, priors
from zoo.course import check, model_choice
from zoo.reports.table import Table

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # of ArviZ 0.23, about version 1
    import arviz as az

SMOKE = "SMOKE" in os.environ  # shortens the loops, changes nothing else
NUM_STEPS = 30 if SMOKE else 1500

pyro.set_rng_seed(0)

# %% [markdown]
# ## Three numbers
# - **Held-out data**: the mean of log p(y* | data) over new data y*.
# - **Leave-one-out** (LOO): the mean of log p(yₙ | all other data).
# - **Log evidence**: log p(y) of all data under the prior alone. By the chain rule it is a
#   sum of predictions, each from the data before it:
#
# log p(y) = log p(y₁) + log p(y₂ | y₁) + ... + log p(y_N | y₁, ..., y_N₋₁)
#
# So all three are mean log densities of data that the model has not seen, in nats per datum,
# and higher is better. What differs is how much it has seen before.
#
# Our first model is a line in nine features: eight bumps over x and a constant, with weights
# N(0, s²) and noise 0.3. All is normal, and all three numbers have a closed form.

# %%
NOISE = 0.3  # standard deviation
WIDTHS = torch.logspace(-1, 3, 41)  # s, scales of the prior
GENERATOR = torch.Generator().manual_seed(0)


def make_data(number):
    """Return inputs and targets, (N, 1) each."""
    x = 6 * torch.rand(number, 1, generator=GENERATOR) - 3
    noise = NOISE * torch.randn(number, 1, generator=GENERATOR)
    return x, torch.sin(1.5 * x) + 0.3 * x + noise


def bumps(x, number=8):
    """Return bumps over [-3, 3], (N, number)."""
    centres = torch.linspace(-3, 3, number)
    return torch.exp(-0.5 * ((x - centres) * (number - 1) / 6) ** 2)


def with_constant(features):
    return torch.cat([features, torch.ones(len(features), 1)], -1).double()


def covariance(phi, s):
    """Return the covariance of targets under the prior, (N, N)."""
    return s**2 * phi @ phi.T + NOISE**2 * torch.eye(len(phi))


def log_evidence(phi, y, s):
    zero = torch.zeros(len(y)).double()
    return MultivariateNormal(zero, covariance(phi, s)).log_prob(y)


def leave_one_out(phi, y, s):
    """Return log p(y_n | the others), (N,), from the inverse of the covariance."""
    inverse = torch.linalg.inv(covariance(phi, s))
    variance = 1 / inverse.diagonal()
    return Normal(y - variance * (inverse @ y), variance.sqrt()).log_prob(y)


def log_predictive(phi, y, s, new_phi, new_y):
    """Return log p(y* | data) of new data, (N*,)."""
    cross = s**2 * new_phi @ phi.T
    solved = torch.linalg.solve(covariance(phi, s), cross.T).T
    variance = NOISE**2 + s**2 * (new_phi**2).sum(-1) - (solved * cross).sum(-1)
    return Normal(solved @ y, variance.sqrt()).log_prob(new_y)


x, y = make_data(30)
new_x, new_y = make_data(2000)
y, new_y = y[:, 0].double(), new_y[:, 0].double()
phi, new_phi = with_constant(bumps(x)), with_constant(bumps(new_x))

found = {"log evidence / N": [], "leave-one-out": [], "held-out": []}
for s in WIDTHS.tolist():
    found["log evidence / N"].append(float(log_evidence(phi, y, s)) / len(y))
    found["leave-one-out"].append(float(leave_one_out(phi, y, s).mean()))
    held_out = log_predictive(phi, y, s, new_phi, new_y)
    found["held-out"].append(float(held_out.mean()))

figure, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
for (name, values), style in zip(found.items(), ("-", "--", ":"), strict=True):
    (line,) = ax.plot(WIDTHS, values, style, label=name)
    best = max(range(len(values)), key=values.__getitem__)
    ax.plot(WIDTHS[best], values[best], "*", color=line.get_color(), markersize=11)
    print(f"{name}: best at s = {WIDTHS[best]:.2f}, with {values[best]:.3f}")
    print(f"    at s = 1000: {values[-1]:.3f}")
ax.set(
    xscale="log", xlabel="scale s of the prior", ylabel="nats per datum", ylim=(-2.5, 0)
)
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# Too narrow a prior is bad for all three: its functions are too flat. They also agree on the
# best width, between 0.5 and 0.8. Then they part. From there to a width of 1,000 the evidence
# falls by 1.84 nats per datum, 55 nats in all, so a model of width 1,000 is e⁵⁵ times less
# probable. Leave-one-out falls by 0.12 and held-out data by 0.07. **For predictions a prior that
# is too wide does little harm. For the evidence it is a wrong model.**
#
# ### Exercise 1: what does width cost?
# Suppose that the data determine all nine weights. How much does the log evidence change, in
# nats, when the prior becomes ten times as wide? (Hint: which factor of N(w; 0, s²) is left
# when s is large?)

# %%
my_change = ...

check(model_choice.wider, my_change)

# %% [markdown]
# ## Why they disagree
# The terms of the chain rule show it. We add the data one by one, in 200 random orders, and
# look at the mean prediction of the next datum. The Cholesky factor L of the covariance has all
# of them: its diagonal are the standard deviations of the predictions one after another, and
# L⁻¹ y are the standardised errors.

# %%
orders = [
    torch.randperm(len(y), generator=GENERATOR) for _ in range(4 if SMOKE else 200)
]
figure, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
for s, style in ((0.2, ":"), (0.7, "-"), (100.0, "--")):
    terms = torch.zeros(len(y)).double()
    for order in orders:
        lower = torch.linalg.cholesky(covariance(phi[order], s))
        standardised = torch.linalg.solve_triangular(lower, y[order, None], upper=False)
        normal = Normal(0.0, 1.0).log_prob(standardised[:, 0])
        terms += (normal - lower.diagonal().log()) / len(orders)
    ax.plot(terms, style, marker=".", label=f"s = {s:g}")
    print(
        f"s = {s:g}: sum {terms.sum():.1f} nats, the first nine {terms[:9].sum():.1f}, "
        f"the last {terms[-1]:.2f}"
    )
ax.set(xlabel="data seen before", ylabel="log p(next datum), nats", ylim=(-8, 0.5))
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# The evidence is the sum over the whole curve, leave-one-out is its last point, and held-out
# data are one point further. Under the wide prior the first nine data are predicted badly, with
# -35 nats instead of -8: it expects functions that are a hundred times as large. They
# determine the nine weights, and from then on the prior is forgotten. The narrow prior is not as
# bad at the beginning, but it is not forgotten so soon.
#
# So ask what the model is for. If it will predict from as many data as these, the last points
# count. If the question is which model foresaw the data, as in a comparison of theories, or if
# the next user has few data, all points count. Then the prior has to be meant.

# %% [markdown]
# ## Leave-one-out from one fit
# Without closed forms one would fit N times. Or once: p(w | all but n) is p(w | all) divided
# by p(yₙ | w), so the draws of one posterior, with importance weights, are draws of another.
# A few weights may dominate. PSIS smooths the largest with a Pareto distribution, and the
# shape k of this distribution says whether that worked: below 0.7 it did.
#
# The draws are by `inference.Laplace`, which is exact for a linear model: a normal around the
# mode, with the full curvature. `to_arviz` hands them to ArviZ, whose `loo` does the rest.
#
# ### Exercise 2: importance weights
# `pointwise` has log p(yₙ | w_s), (S, N). Return log p(yₙ | the others), (N,), by plain
# importance sampling without smoothing. The cell compares it with ArviZ and with the closed
# form.

# %%
my_loo = ...  # lambda pointwise: ...


def line_model(s):
    network = networks.MLP(8, 1, hidden=[])
    prior = priors.WeightPrior(dist.Normal(0.0, s))
    return zoo.BayesianNetwork(network, prior, likelihoods.Gaussian(NOISE))


def psis(posterior, part):
    """Return the estimate of LOO for each datum, (N,), and the shapes k, (N,)."""
    results = posterior.to_arviz(part)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a large k is a result here
        loo = az.loo(results, pointwise=True)
    each = loo.elpd_i if hasattr(loo, "elpd_i") else loo.loo_i  # ArviZ 1 and 0.23
    return torch.tensor(each.values), torch.tensor(loo.pareto_k.values)


line = (bumps(x), y.float()[:, None])
posterior = inference.Laplace(
    line_model(1.0),
    structure="full",
    num_samples=1000,
    num_steps=NUM_STEPS,
    progress=False,
).fit(line)
estimate, k = psis(posterior, line)
exact = leave_one_out(phi, y, 1.0)
exact_evidence = float(log_evidence(phi, y, 1.0))
print(f"log evidence: exact {exact_evidence:.2f}, ", end="")
print(f"Laplace {posterior.info.log_marginal_likelihood:.2f}")
print(f"leave-one-out: exact {exact.mean():.4f}, PSIS {estimate.mean():.4f}")
print(
    f"largest error of a datum {(estimate - exact).abs().max():.3f}, largest k {k.max():.2f}"
)

if check(model_choice.loo, my_loo):
    pointwise = posterior.predict(line[0]).pointwise(line[1])
    print(f"by hand: {my_loo(pointwise).mean():.4f}")

# %% [markdown]
# From one fit PSIS finds -0.270 where the exact number is -0.272. No k is above 0.7, and no
# datum is wrong by more than 0.08 nats. The log evidence by Laplace is right to 0.1 nats, of 30
# data, since its search for the mode ended a little before the mode.
#
# ## How many bumps?
# Now the models differ in their number of bumps, once under the width 10, which says little,
# and once under 0.7, which the evidence has preferred.

# %%
numbers = (3, 4, 5, 6, 7, 8, 10, 12, 16)
evidences, loos = {}, {}
figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained", sharey=True)
for s, ax in zip((10.0, 0.7), axes, strict=True):
    evidences[s], loos[s], held_out = [], [], []
    for number in numbers:
        phi_m = with_constant(bumps(x, number))
        new_phi_m = with_constant(bumps(new_x, number))
        evidences[s].append(log_evidence(phi_m, y, s))
        loos[s].append(leave_one_out(phi_m, y, s))
        held_out.append(log_predictive(phi_m, y, s, new_phi_m, new_y).mean())
    lines = {
        "log evidence / N": [float(each) / len(y) for each in evidences[s]],
        "leave-one-out": [float(each.mean()) for each in loos[s]],
        "held-out": [float(each) for each in held_out],
    }
    for (name, values), style in zip(lines.items(), ("o-", "s--", "^:"), strict=True):
        (line,) = ax.plot(numbers, values, style, label=name)
        best = max(range(len(values)), key=values.__getitem__)
        ax.plot(numbers[best], values[best], "*", color=line.get_color(), markersize=13)
        print(f"s = {s:g}, {name}: best with {numbers[best]} bumps, {values[best]:.3f}")
    ax.set(title=f"s = {s:g}", xlabel="bumps", ylim=(-1.6, -0.1))
axes[0].set_ylabel("nats per datum")
axes[1].legend(frameon=False)
plt.show()

# %% [markdown]
# Under the width 10 the three disagree. The evidence takes four bumps: every bump more costs it
# about as much as ln 10 in exercise 1, whether it helps or not. On new data four are worse than
# six or seven, -0.31 against -0.24, and leave-one-out takes five. Under the width 0.7 they agree
# within one bump: the evidence takes eight, the others seven. **The evidence judges the prior
# and the network together.** It is a good judge if the prior is meant, and a bad one of the
# network alone.
#
# ### Exercise 3: the error of a difference
# `a` and `b` are log p(yₙ | the others) of two models, (N,). Return the standard error of the
# difference of their sums, in nats. The cell compares five bumps with some others.

# %%
my_error = ...  # lambda a, b: ...

if check(model_choice.difference_error, my_error):
    five = loos[10.0][numbers.index(5)]
    for number in (3, 4, 6, 8, 16):
        other = loos[10.0][numbers.index(number)]
        behind, error = float((five - other).sum()), float(my_error(five, other))
        print(f"{number} bumps are {behind:.1f} ± {error:.1f} nats behind five")

# %% [markdown]
# ### Exercise 4: probabilities of models
# Before the data each model is as probable as any other. Return their probabilities given the
# data, (M,), from their log evidences, (M,), which can be as low as -1000 nats.

# %%
my_model_probs = ...  # lambda log_evidence: ...

if check(model_choice.model_probs, my_model_probs):
    for s, each in evidences.items():
        probs = my_model_probs(torch.stack(each)).tolist()
        shown = [f"{number}: {p:.2f}" for number, p in zip(numbers, probs, strict=True)]
        print(f"s = {s:g}, bumps and their probability: {', '.join(shown)}")

# %% [markdown]
# Five bumps are ahead of three by 75 ± 19 nats, and that is clear. Ahead of six they are by
# 1 ± 2, and that is nothing: **thirty data cannot tell five bumps from six or eight by
# leave-one-out**. The standard error is itself an estimate from thirty numbers. The evidence
# seems surer. Under the width 10 it gives four bumps a probability of 0.71 and six 0.03, and new
# data do not agree. These are probabilities among the nine models, and all nine have a prior
# that is too wide.
#
# ## A network
# Now a network of ten hidden units for two moons that overlap, under priors N(0, s²) of four
# widths. Nothing is known in closed form. Three estimates of the log evidence:
# - **AIS**, annealed importance sampling: particles go from the prior to the posterior, and
#   the mean of their weights is the evidence, up to a small error of the adapted steps;
# - **Laplace**: a normal around one mode, by the curvature there;
# - the **ELBO** of a mean field, a lower bound.
#
# The particles of AIS end as draws of the posterior. They give LOO by PSIS, and the prediction
# of held-out data, 1,000 new points.

# %%
moons = datasets.toy.moons(num_data=60, noise=0.4)
x_test, y_test = moons.test


def network_model(s):
    pyro.set_rng_seed(0)
    prior = priors.WeightPrior(dist.Normal(0.0, s))
    network = networks.MLP(2, 2, hidden=[10])
    return zoo.BayesianNetwork(network, prior, likelihoods.Categorical())


def estimates(s):
    """Return all estimates under a prior of width s, in nats per datum."""
    model = network_model(s)
    number = len(moons.train.y)
    ais = inference.AIS(
        model,
        num_particles=10 if SMOKE else 200,
        num_steps=20 if SMOKE else 1000,
        progress=False,
    ).fit(moons.train)
    laplace = inference.Laplace(
        model, structure="full", num_steps=NUM_STEPS, progress=False
    ).fit(moons.train)
    engine = inference.SVI(
        model, guides.MeanField(model), num_steps=NUM_STEPS, lr=1e-2, progress=False
    )
    bound = engine.fit(moons.train).bound(moons.train)
    loo, k = psis(ais, moons.train)
    held_out = ais.predict(x_test).log_prob(y_test).mean()

    return {
        "AIS": ais.info.log_evidence / number,
        "effective particles": ais.info.effective_particles,
        "Laplace": laplace.info.log_marginal_likelihood / number,
        "ELBO": -bound.value,
        "LOO": float(loo.mean()),
        "data of k > 0.7": int((k > 0.7).sum()),
        "held-out": float(held_out),
    }


widths = (0.3, 1.0, 3.0, 10.0)
by_width = [estimates(s) for s in widths]
columns = ("s", *by_width[0])
rows = [(s, *each.values()) for s, each in zip(widths, by_width, strict=True)]
print(Table(columns, rows))

figure, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
styles = {"AIS": "o-", "Laplace": "s-.", "ELBO": "D:", "LOO": "^--", "held-out": "v:"}
for name, style in styles.items():
    ax.plot(widths, [each[name] for each in by_width], style, label=name)
ax.set(xscale="log", xlabel="scale s of the prior", ylabel="nats per datum")
ax.set_xticks(widths, [f"{s:g}" for s in widths])
ax.minorticks_off()
ax.legend(frameon=False, ncols=2)
plt.show()

# %% [markdown]
# It is as on the line. By the evidence (AIS) the width 1 is best, and the width 10 is behind by
# 0.13 nats per datum, 7.7 in all: it is two thousand times less probable. New data prefer the
# width 3, and 10 is as good, within 0.01. LOO is nearly flat too, but look at k: under the wide
# priors it has failed for 11 and for 24 of the 60 data, because single points hold the function
# in place, and no draw of the full posterior knows how it would be without them. Refit without
# these points, or take held-out data.
#
# And the estimates of the evidence:
# - **AIS** says how good it is. At the width 10 only 7 of 200 particles are effective, so its
#   last digits mean nothing there: take more steps.
# - **Laplace** has the right order here and is close at the width 1. At 10 it is 0.28 too low:
#   the posterior is no normal around one mode.
# - The **ELBO** has the wrong order. It prefers the narrowest prior, under which a mean field
#   loses least. It is a bound, and how far below the evidence it is depends on what we wanted to
#   compare. **Do not choose a prior by the ELBO of a mean field.**
#
# ## The twelve questions, as decisions
# [Which prior, which guide, which engine?](../docs/choose.md) has each with its reasons. In
# short, with the number of the lesson:
#
# 1. Far from the data do not believe a softmax. Average over a posterior, or say so.
# 2. Draw functions of the prior before the fit. Wide networks need `priors.fan_in`.
# 3. If the model is linear and normal, take the closed form. If it is small, a reference.
# 4. For a few hundred weights take `inference.NUTS`. Believe it if R-hat of functions is low.
# 5. For more weights take `inference.SVI`, and look at `posterior.info.fit_kind`.
# 6. If correlations matter, take a guide that has them: `guides.LowRank`, `guides.FullRank`.
# 7. Measure the distance: `zoo.fidelity`, and the spread beside it.
# 8. A network that is trained: an ensemble, `inference.SWAG` or `inference.Laplace`. They
#    predict well. Do not read their spread as a posterior's.
# 9. Measure calibration on held-out data of the kind that will come.
# 10. Ask for labels where the epistemic part is large, and for a person where an answer pays.
# 11. Test the strange inputs that you expect. Prune a mean field, not the draws of a sampler.
# 12. Choose by held-out data if there are enough, by LOO if there are few and its k are low,
#     and by the evidence if you mean the prior and can compute it.
#
# ## What would make this result wrong
# - **A choice made often.** The best of a hundred models by held-out data is partly the
#   luckiest. Keep a test set that no choice has seen.
# - **A prior that nobody means.** The evidence of a default prior compares defaults.
# - **An estimate that has failed.** Look at effective particles, at k, and at whether a bound is
#   tight, before you compare.
# - **Data that depend on each other.** LOO of a series or of several images of one person is
#   too good: leave out blocks or persons. So is a random split.
# - **Draws that are not from the posterior.** PSIS reweights between data, not from a guide to
#   the posterior. LOO of a mean field is that of the mean field.
# - **One data set of 30 points.** Another seed moves the best number of bumps by one or two.
#
# ## Further reading
# - MacKay (1992), *Bayesian Interpolation*; Kass and Raftery (1995), *Bayes Factors*.
# - Vehtari, Gelman, Gabry (2017), *Practical Bayesian Model Evaluation Using Leave-One-Out
#   Cross-Validation and WAIC*; Vehtari, Simpson, Gelman, Yao, Gabry (2024), *Pareto Smoothed
#   Importance Sampling*.
# - Fong and Holmes (2020), *On the Marginal Likelihood and Cross-Validation*: the evidence is
#   the mean of all leave-p-out scores.
# - Lotfi, Izmailov, Benton, Goldblum, Wilson (2022), *Bayesian Model Selection, the Marginal
#   Likelihood, and Generalization*, against the evidence, with the learning curve of above.
# - Sivula, Magnusson, Matamoros, Vehtari (2020), *Uncertainty in Bayesian Leave-One-Out
#   Cross-Validation Based Model Comparison*: why few data cannot tell similar models apart.
# - Neal (2001), *Annealed Importance Sampling*; `python -m benchmarks.priors` compares seven
#   priors by the evidence and by held-out data ([which prior?](../docs/priors.md)).
