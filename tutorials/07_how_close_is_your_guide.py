# %% [markdown]
# # How far is my guide from the truth?
#
# *A variational posterior always looks plausible. How do you find out that it is wrong?*
# You compare it with the posterior itself. For small networks that is known: two samplers of
# different kinds have run until they agreed, and the package has their draws. The comparison
# is one of functions, because networks with permuted hidden units have other weights and are
# the same function. Shapes: S draws, N inputs, O outputs, L simulations.
#
# **You will learn**
# - what the distance between two posteriors is, and why it is never zero (the floor);
# - why a single network can be *nearer* to the truth than a mean field, and what that means;
# - which scores tell the two faults apart, a mean that is off and a spread that is wrong;
# - what the diagnostics say that need no truth, and what they do not see;
# - how to test an engine on your own model, by data whose truth you have drawn.
#
# There are four exercises. Replace the dots, and run the cell: it says what is wrong with
# your answer. The [answers](answers/07_how_close_is_your_guide.py) are in a file of their
# own.

# %%
import math
import os

import matplotlib.pyplot as plt
import pyro
import torch

import guides
import zoo
from zoo import inference, plots, references
from zoo.course import check, distances
from zoo.diagnostics import sbc
from zoo.posterior import DrawsPosterior
from zoo.reports.table import Table

SMOKE = "SMOKE" in os.environ  # shortens the loops, changes nothing else
NUM_STEPS = 20 if SMOKE else 3000
LONG = 20 if SMOKE else 8000  # steps for the guide whose scales are the slowest
NUM_SIMULATIONS = 20 if SMOKE else 1000
SCALES = (0.01,) if SMOKE else (0.001, 0.003, 0.01, 0.03, 0.1)

pyro.set_rng_seed(0)

# %% [markdown]
# ## The truth
# Forty points of a noisy sinusoid with a gap, and a network of 50 hidden units with a normal
# prior. The reference has draws of f(x) at a grid of inputs, from two samplers.

# %%
reference = references.load("sinusoid")
model, train = reference.model, reference.data.train
x = reference.inputs[:, 0]  # (N,)
truth = reference.posterior.predict(reference.inputs).functions[..., 0]  # (S, N)

print(reference.table)

# %% [markdown]
# Why believe it? Because of this evidence. R-hat compares the chains of one run, and in the
# last row the chains of both runs, of two algorithms that have only the posterior in common.
#
# ## A distance between functions
# At one input the truth is a distribution of the number f(x), and so is the guide's
# posterior. The **Wasserstein-1 distance** of two such distributions is how far the draws of
# the one have to be moved, on average, to become the other. In one dimension the cheapest
# way is to sort both and to move the smallest to the smallest:
#
# distance = mean over s of | f_(s) - t_(s) |, sorted, divided by the truth's standard
# deviation at that input; then the mean over the inputs.
#
# ### Exercise 1: the distance
# Write it as a function of two sets of draws at the same inputs, (S, N) each.

# %%
my_distance = ...  # lambda draws, truth: ...

check(distances.wasserstein, my_distance)

# %% [markdown]
# Two sets of draws of the *same* posterior have a distance above zero, because they are
# finitely many. The distance between one chain of the reference and the others is the
# **floor**. No fit can be seen to be closer.
#
# ## Four guides
# `Delta` is an ordinary network, trained with weight decay (the mode, or MAP). A mean field
# (`LocalReparam`) gives every weight a normal of its own, `FullRank` one normal to all
# weights together. `LastLayer` is a mean field too, but gives the last layer its exact
# distribution for every draw of the others.

# %%
families = {
    "Delta": guides.Delta(model),
    "mean field": guides.LocalReparam(model),
    "FullRank": guides.FullRank(model),
    "LastLayer": guides.LastLayer(model),
}
fits, cards, rows = {}, {}, []
for name, guide in families.items():
    pyro.set_rng_seed(0)
    num_steps = LONG if name == "mean field" else NUM_STEPS
    engine = inference.SVI(model, guide, num_steps=num_steps, progress=False)
    fits[name] = engine.fit(train)
    card = cards[name] = zoo.fidelity(fits[name], reference)
    scores = (card.wasserstein, card.mean_error, card.spread_ratio, card.coverage)
    bound = "none" if card.bound is None else str(card.bound)
    rows.append((name, *scores, bound, fits[name].info.fit_kind or "a point"))

floor = card.floor
best = (floor["wasserstein"], floor["mean_error"], floor["spread_ratio"])
rows.append(("floor", *best, floor["coverage"], "", ""))
columns = (
    "guide",
    "distance",
    "mean error",
    "spread ratio",
    "coverage",
    "bound",
    "fit",
)
print(Table(columns, rows))

# %%
figure, axes = plt.subplots(2, 2, figsize=(9, 6), layout="constrained", sharey=True)
for ax, name in zip(axes.flat, families, strict=True):
    draws = cards[name].ours.values[..., 0]
    plots.predictive_band(x, draws=truth, levels=(0.9,), color="grey", ax=ax)
    plots.predictive_band(x, draws=draws, levels=(0.9,), color="C0", ax=ax)
    ax.lines[-1].set_linestyle("--")
    ax.plot(train.x[:, 0], train.y[:, 0], ".", color="black", markersize=3)
    ax.set(title=name, xlabel="input x", ylabel="f(x)", ylim=(-2.2, 2.2))
figure.suptitle("grey: the truth, median and 90 %; blue, dashed: the guide's")
plt.show()

# %% [markdown]
# The network without any uncertainty is nearer to the truth than the mean field: 0.94
# standard deviations against 1.76. That is the most surprising number here, and no accident
# of a short fit: *optimum* says that the bound of the mean field cannot be improved from
# there. But `Delta` is no better posterior: its **coverage** is 0. No draw of the truth is
# inside its band, because it has none, and it is as sure in the gap as at the data. So why
# is it nearer?
#
# ### Exercise 2: a single function
# At an input the truth is N(m, s²). A posterior without spread is at its mean m. What is its
# distance, in units of s?

# %%
my_point = ...

check(distances.point, my_point)

# %% [markdown]
# ### Exercise 3: half the spread
# Another guide is N(m + s/2, (s/2)²): half the spread, and a mean that is off by half a
# standard deviation. What is its distance, to two digits? (Hint: the sorted draws of both
# are m + s/2 + z s/2 and m + s z with the same z.)

# %%
my_half = ...

check(distances.half, my_half)

# %% [markdown]
# ## A map of distances
# For normals the distance depends on two numbers: by how many standard deviations the mean
# is off (the *mean error*), and the ratio of the standard deviations (the *spread ratio*).
# Here is the distance for all pairs, computed as in exercise 3. The thick line is where a
# guide is as far away as a point at the right mean.

# %%
z = torch.distributions.Normal(0.0, 1.0).icdf((torch.arange(400) + 0.5) / 400)
error, ratio = torch.meshgrid(
    torch.linspace(0, 2, 81), torch.linspace(0, 2, 81), indexing="xy"
)
moved = error[..., None] + (ratio[..., None] - 1) * z  # of each draw, (81, 81, 400)
distance = moved.abs().mean(-1)

figure, ax = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
levels = torch.arange(0, 2.6, 0.2).tolist()
shades = ax.contourf(error, ratio, distance, levels, cmap="Blues", extend="max")
ax.contour(error, ratio, distance, [math.sqrt(2 / math.pi)], colors="k", linewidths=2)
for (name, card), marker in zip(cards.items(), "os^D", strict=True):
    ax.plot(card.mean_error, card.spread_ratio, marker, color="C1", markersize=8)
    place = (card.mean_error - 0.02, card.spread_ratio + 0.06)
    ax.annotate(name, place, ha="right" if card.mean_error > 1 else "left")
ax.set(xlabel="mean error, standard deviations", ylabel="spread ratio")
ax.set(xlim=(0, 2), ylim=(-0.04, 2))
figure.colorbar(shades, label="distance, standard deviations")
plt.show()

# %% [markdown]
# Now the numbers have places. A point at the right mean is at 0.80, whatever the problem.
# `Delta` is at 0.94, because its mean is off by 0.5. **Right of the line a guide loses
# against a point at the right mean, whatever its spread**, and the mean field and `FullRank`
# are there: their spread is 1.2 to 1.3 times the truth's on average, and their means are off
# by 1.4 and 1.7. The distance charges for the mean and for the spread; `Delta` pays for one
# of them only. This is no argument for a point. It is a warning that the mean of a guide can
# be worse than that of an ordinary network.
#
# ## Why is the mean of a mean field off?
# Not for want of steps: the fit is at its optimum. The bound is
#
# bound = expected negative log likelihood + KL(guide, prior) / N, in nats per datum.
#
# We stay at the mode and give all weights the same standard deviation σ. What does the bound
# say?

# %%
mode = fits["Delta"].sample(1)
rows = []
for scale in SCALES:
    guide = guides.MeanField(model, init_scale=scale)
    for name, value in mode.items():
        guide.get_parameter(f"loc.{name}").data.copy_(value[0])
    still = inference.SVI(model, guide, num_steps=1, lr=1e-9, progress=False).fit(train)
    bound = still.bound(train, num_samples=200).value
    nll = -float(still.predict(train.x, 200).pointwise(train.y).mean())
    card = zoo.fidelity(still, reference)
    rows.append((scale, nll, bound - nll, bound, card.wasserstein, card.spread_ratio))
columns = ("scale", "expected NLL", "KL / N", "bound", "distance", "spread ratio")
print(Table(columns, rows))

# %% [markdown]
# Look at σ = 0.01. Its distance is 0.69: nearer than `Delta`, since it has some spread, and
# much nearer than the mean field. But its bound is 15.6, and that of the mean field 4.6: the
# bound prefers the mean field, by 11 nats for each of 40 data.
#
# **The bound is another distance**: the divergence KL(guide, posterior) of *weights*. To
# know 151 weights to a hundredth costs 16.5 nats per datum, and each factor of ten that σ
# grows saves 151 · ln 10 / 40 = 8.7. The data allow a σ of 0.03 at this mode, no more. So
# the optimum goes elsewhere. Where?

# %%
draws = fits["mean field"].sample(1000)
outgoing = draws["layer2.weight"][:, 0]  # (S, H): of each hidden unit
used = outgoing.mean(0).abs() > 2 * outgoing.std(0)
for name, chosen in (("used", used), ("others", ~used)):
    incoming = draws["layer1.weight"][:, chosen, 0].std(0).mean()
    spread = outgoing[:, chosen].std(0).mean()
    print(
        f"{name}: {chosen.sum()} units, std of weights {incoming:.2f} in, {spread:.3f} out"
    )

# %% [markdown]
# It fits the data with 6 of the 50 units. The other 44 are switched off: their outgoing
# weights are zero within 0.018, so that no noise reaches the output, and then their incoming
# weights may have the prior's standard deviation (1.9 of 2.0) at no cost. A curve of six
# units, with noise in every weight, is another curve, above all away from the data.
#
# Two remarks on the bounds of the table. `FullRank` contains every mean field, so its best
# bound is at least as good: 11.2 says that its fit ended at a worse local optimum (*optimum*
# is always a local one), and its distance is that of the optimiser. And `LastLayer`, which
# integrates the last layer exactly, has 0.25, by far the lowest: among these guides the one
# with the lowest bound is the nearest as well.
#
# ## Which score says what?

# %%
for name, card in cards.items():
    print(f"{name:10s} {card.verdict}")
cards["mean field"].plot()
plt.show()

# %% [markdown]
# The card of the mean field has the central 90 % of guide and truth on the left, and on the
# right the distance of every score from its best value, with the floor in grey. In the
# middle is the standard deviation at every input against the truth's. **The mean field's is
# 0.12 nearly everywhere, and the truth's goes from 0.04 at the data to 0.6 away from them**:
# three times too wide and five times too narrow. A spread ratio of 1.3 is the average of
# both. `spread factor` sees it, 2.4, and `epistemic away`, 0.37. One score alone deceives:
# look at the mean error, the spread factor and the coverage together, and at the picture.
#
# You can score draws of any library: `zoo.fidelity(values, reference)` takes function values
# at `reference.inputs`, a tensor (S, N, O).
#
# ## Without a truth: can the draws be reweighted?
# Pareto k says whether draws of the guide could be reweighted to become draws of the
# posterior: below 0.7 they could.

# %%
k = cards["mean field"].context["Pareto k"]  # or zoo.diagnostics.k_hat, without a truth
print(f"Pareto k of the mean field: {k:.1f}")

# %% [markdown]
# It is far above 0.7: no. But a small k would not say that the guide is good, because k only
# sees the region where the guide has draws. A guide that covers one of two modes well has a
# small one.
#
# ## Without a truth: make one
# **Simulation-based calibration** (SBC). Draw parameters from the prior, and data from these
# parameters: now the truth is known, it is what was drawn. Fit the data. The rank of the
# truth among the draws of the fit is uniform if the fit is the posterior, whatever the
# model.
#
# ### Exercise 4: draws that are too narrow
# A fit has the right mean, but its standard deviation is half that of the posterior (which
# is normal). How often is the truth outside of the central 90 % of its draws?

# %%
my_outside = ...

check(distances.outside, my_outside)

# %% [markdown]
# The test needs a fit for each of many simulations. We take linear regression, where the
# best mean field is known: its standard deviations are 1 / √(the precision's diagonal). So a
# fit costs nothing, and there is no optimiser whose faults could be mistaken for the
# family's.

# %%
linear = references.linear()
inputs = linear.data.train.x  # (N, D)
features = torch.cat([inputs, torch.ones(len(inputs), 1)], 1)  # and one for the bias
precision = features.T @ features / linear.data.noise**2 + torch.eye(features.shape[1])
covariance = precision.inverse()
factors = {
    "exact": torch.linalg.cholesky(covariance),
    "mean field": precision.diag().rsqrt().diag(),
}


def fit(simulated, family):
    """Return draws of the posterior of simulated data in closed form."""
    _, y = simulated
    mean = covariance @ features.T @ y[:, 0] / linear.data.noise**2
    draws = mean + torch.randn(1, 99, len(mean)) @ factors[family].T  # one chain
    sites = {"layer1.weight": draws[..., None, :-1], "layer1.bias": draws[..., -1:]}
    return DrawsPosterior(linear.model, draws=sites, state={}, info=None)


exact = (features @ covariance * features).sum(-1).sqrt()  # std of f(x), (N,)
ours = (features**2 / precision.diag()).sum(-1).sqrt()
ratio = ours / exact
of_weights = precision.diag().rsqrt() / covariance.diag().sqrt()
print("spread of the mean field, relative to the exact one")
print("weights and bias:", [round(float(r), 2) for r in of_weights])
print(f"f at the data: {ratio.min():.2f} to {ratio.max():.2f}, mean {ratio.mean():.2f}")

# %%
nearest = (ratio - 1).abs().argmin()
chosen = inputs[torch.stack([ratio.argmin(), nearest, ratio.argmax()])]  # f[0] to f[2]
for family in factors:
    for number in (NUM_SIMULATIONS // 10, NUM_SIMULATIONS):
        ranks = sbc(
            linear.model,
            lambda simulated, family=family: fit(simulated, family),
            inputs,
            chosen,
            num_simulations=number,
            progress=False,
        )
        print(f"{family}: {ranks}")
        print({name: round(value, 2) for name, value in ranks.deviations.items()})
    ranks.plot().set_title(family)
plt.show()

# %% [markdown]
# The picture shows how the distribution of the ranks differs from the uniform one, with a
# band for all of them together (95 %). Dots mark where a line leaves the band; that can be
# at one rank, near an end, where the band is narrow and the eye sees nothing. The numbers
# are the largest distances, in half widths of the band: above 1 is outside.
#
# The exact posterior passes. The mean field does not, and *how* it fails is instructive.
# Every weight has 0.6 of its true spread, but the function has 0.6 to 1.4 of it, and 1.0 on
# average. In the posterior, weights are correlated such that some of their errors cancel in
# f. Independent weights cannot do that. So f[0] is too narrow: it rises above the band and
# then falls below. And f[2] is too *wide*. "A mean field is too narrow" is true of weights
# only.
#
# A test has a power. With 100 simulations a spread that is wrong by a factor of 1.4 stays
# inside the band (0.95), and with 1000 it is far outside. "All within the bands" means: no
# fault that so few simulations could find.
#
# ## What would make this result wrong
# - **Another model.** A reference belongs to one model. Another prior, width or split has
#   another posterior. The file stores which model it belongs to, and an error is raised if
#   the problem is another one.
# - **Samplers that agree and are wrong**, because both stay in the same modes. The evidence
#   says how many chains there were. It cannot say what none of them has visited.
# - **A guide that has not converged.** Its score is then that of its optimiser, as for
#   `FullRank` here. Look at the bound, and whether a smaller family has a lower one.
# - **One seed.** The Monte-Carlo error of a score counts the draws on both sides, not the
#   variation between fits. Fit again with another seed before you rank two guides by less
#   than that variation.
# - **A test that has passed.** SBC ranks some quantities, on data from the prior. What is
#   not ranked is not tested, and your data may be unlike any that the prior makes.
#
# ## Further reading
# - Izmailov, Vikram, Hoffman, Wilson (2021), *What Are Bayesian Neural Network Posteriors
#   Really Like?*
# - Yao, Vehtari, Simpson, Gelman (2018), *Yes, but Did It Work?: Evaluating Variational
#   Inference*, on Pareto k and on ranks.
# - Talts, Betancourt, Simpson, Vehtari, Gelman (2018), *Validating Bayesian Inference
#   Algorithms with Simulation-Based Calibration*.
# - Huggins, Kasprzak, Campbell, Broderick (2020), *Validated Variational Inference via
#   Practical Posterior Error Bounds*, on why a low divergence need not be a near mean.
# - [How to choose a guide](../docs/guides.md#distance-from-known-posteriors) has the
#   distances of thirty guides and engines on six problems.
