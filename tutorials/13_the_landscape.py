# %% [markdown]
# # The landscape
#
# *What does the posterior of a network look like, and where in it do we stand?* Training
# finds a point. The posterior is a distribution. This lesson begins where both are known
# exactly, and then looks at the posterior of a small network from all sides. Shapes: N
# data, S draws, P weights, O classes.
#
# **You will learn**
# - how a posterior contracts as data arrive, and when MLE and MAP meet;
# - why two fits are separated by a barrier, and how much of it is only the order of units;
# - what curvature says, and what it cannot say;
# - how far above a mode the draws of the posterior are, and what that means for pictures;
# - what an average over one basin is worth, and what an average over several.
#
# There are five exercises. Replace the dots, and run the cell: it says what is wrong with
# your answer. The answers are at the end.

# %%
import math
import os

import matplotlib.pyplot as plt
import pyro
import pyro.distributions as dist
import torch
from torch import nn

import guides
import zoo
from zoo import inference, landscape, likelihoods, networks, plots, priors, references
from zoo.reports.table import Table

SMOKE = "SMOKE" in os.environ  # shortens the loops, changes nothing else
NUM_STEPS = 10 if SMOKE else 1500
NUM_EPOCHS = 20 if SMOKE else 1500
SHAPE = (5, 5) if SMOKE else (31, 31)  # of a picture of a plane
NUM_DRAWS = 5 if SMOKE else 40
PASSES = (1, 5) if SMOKE else (1, 5, 10, 30)

pyro.set_rng_seed(0)


def check(answer, tests):
    """Say what is wrong with an answer; return whether it is right."""
    if answer is ...:
        print("no answer yet")
        return False
    for is_wrong, message in tests:
        if is_wrong(answer):
            print(f"not yet: {message}")
            return False
    print("right")
    return True


def near(a, b, rtol=1e-3):
    a, b = torch.as_tensor(a).double(), torch.as_tensor(b).double()
    return a.shape == b.shape and torch.allclose(a, b, rtol=rtol, atol=1e-6)


# %% [markdown]
# ## Where everything is known
# The model is a line: y = w x + b + noise, with a standard normal prior of w and b. Its
# posterior is a normal distribution, whatever the data. `linear_updates` has it after each
# datum, in closed form.

# %%
NOISE = 0.5  # standard deviation
TRUTH = torch.tensor([0.8, -0.5])  # slope and intercept

line_x = 4 * torch.rand(20, 1) - 2
line_y = TRUTH[0] * line_x + TRUTH[1] + NOISE * torch.randn(20, 1)
line_prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
line_network = networks.MLP(1, 1, hidden=[])
line_model = zoo.BayesianNetwork(line_network, line_prior, likelihoods.Gaussian(NOISE))

updates = landscape.linear_updates(line_model, (line_x, line_y))
print(updates)

# %% [markdown]
# The left picture is the space of weights, the right one is the space of lines. After one
# datum no line is determined: the posterior is long in the direction that this datum does
# not see. There is no maximum likelihood (MLE) yet, and the maximum a posteriori (MAP) is
# the prior's compromise. After 20 data they are almost the same. The film shows all steps.

# %%
for number in (1, 2, 20):
    updates.plot(number, truth=TRUTH)
plt.show()

if not SMOKE:
    updates.animate("line.gif", truth=TRUTH)

# %% [markdown]
# ### Exercise 1: the posterior by hand
# Compute the mean and the covariance of (w, b) after the first three data. The prior is
# N(0, I), and the noise has standard deviation 0.5.

# %%
my_mean = ...  # (2,)
my_covariance = ...  # (2, 2)


def check_1(mean, covariance):
    if mean is ... or covariance is ...:
        return check(..., [])

    features = torch.cat([line_x[:3], torch.ones(3, 1)], -1).double()
    seen = (updates.map[3], updates.covariance[3])
    variance_as_sd = torch.linalg.inv(features.T @ features / NOISE**4 + torch.eye(2))
    sd_as_variance = torch.linalg.inv(features.T @ features / NOISE + torch.eye(2))
    no_prior = torch.linalg.inv(features.T @ features / NOISE**2 + 1e-9 * torch.eye(2))
    tests = [
        (lambda a: tuple(a[1].shape) != (2, 2), "the covariance is 2 by 2: w and b"),
        (
            lambda a: near(a[1], variance_as_sd) or near(a[1], sd_as_variance),
            "0.5 is the standard deviation of the noise, and the precision has its square",
        ),
        (lambda a: near(a[1], no_prior), "this is the likelihood alone: add the prior"),
        (
            lambda a: near(a[1], torch.linalg.inv(seen[1])),
            "this is the precision, the inverse of the covariance",
        ),
        (lambda a: not near(a[1], seen[1]), "the covariance is another one"),
        (lambda a: tuple(a[0].shape) != (2,), "the mean has two numbers, w and b"),
        (lambda a: not near(a[0], seen[0]), "the covariance is right, the mean is not"),
    ]
    return check((mean, covariance), tests)


check_1(my_mean, my_covariance)

# %% [markdown]
# ## A network: many modes
# Now a network of 20 hidden units with 160 images of digits. It is one of the package's
# references: draws of its posterior by long runs of NUTS come with it. So we can say where
# the truth is. Two fits begin at different weights. Both end at a mode of the same height:
# a posterior of networks has many modes.

# %%
reference = references.load("digits-mlp")
data = reference.data
N = len(data.train.y)


def network_model(seed):
    pyro.set_rng_seed(seed)
    network = networks.MLP(64, 10, hidden=[20])
    return zoo.BayesianNetwork(
        network, reference.model.prior, reference.model.likelihood
    )


def map_fit(seed):
    model = network_model(seed)
    guide = guides.Delta(model)
    engine = inference.SVI(model, guide, num_steps=NUM_STEPS, progress=False)
    return engine.fit(data.train)


a = map_fit(1)
b = map_fit(2)
P = sum(value.numel() for value in a.means().values())

# %% [markdown]
# Between them, on a straight line, the negative log posterior rises: there is a barrier.
# A part of it is an illusion. The hidden units of a network have no order, and the second
# fit has its units in another order than the first. `align` changes it, and keeps the
# function. And there is a curve around the barrier, which `connect` finds.

# %%
straight = landscape.line(a, b, data)
aligned = landscape.align(a, b, data.train.x)
matched = landscape.line(a, aligned, data)
curve = landscape.connect(
    a,
    b,
    data,
    batch_size=None,
    num_epochs=NUM_STEPS // 5,
    num_points=25,
    progress=False,
)

plots.profile(
    straight.t,
    {
        "straight line": straight.values,
        "line, units aligned": matched.values,
        "curve": curve.profile.values,
    },
    ylabel="negative log posterior, nats per datum",
)
plt.show()
print(f"barriers: {straight.barrier:.3f}, {matched.barrier:.3f}, {curve.barrier:.3f}")

# %% [markdown]
# ### Exercise 2: an illusion of how much?
# Which share of the barrier between the two fits was only the order of the hidden units?

# %%
my_share = ...


def check_2(share):
    left = matched.barrier / straight.barrier
    tests = [
        (lambda s: not 0 <= float(s) <= 1, "a share is between 0 and 1"),
        (
            lambda s: near(s, left, 1e-2),
            "this share is left after the units are aligned",
        ),
        (lambda s: not near(s, 1 - left, 1e-2), "compare the two barriers"),
    ]
    return check(share, tests)


check_2(my_share)

# %% [markdown]
# ## Two pictures of one posterior
# A picture shows a plane. On the left it goes through both fits and the bend of the curve,
# on the right through one fit in two random directions. The right picture looks as if there
# were one valley. Both are right: a plane shows two of 1,510 directions.
# (`landscape.animate` lets draws walk over such a plane.)

# %%
plane = landscape.plane(a, b, curve.bend, data=data, shape=SHAPE)
around = landscape.random_plane(a, data, shape=SHAPE)

figure = plt.figure(figsize=(11, 4.4), layout="constrained")
left, right = figure.subfigures(1, 2)
plane.plot(figure=left)
places = landscape.project(plane, curve).coordinates
left.axes[0].plot(*places.T, color="white")
around.plot(figure=right)
plt.show()

# %% [markdown]
# ## Curvature
# Each eigenvalue λ of the curvature of the log likelihood is what the data say in one
# direction, and α is the precision of the prior. Only where λ is larger than α do the data
# decide. The effective dimension counts these directions: N_eff = Σ λ / (λ + α).

# %%
spectrum = landscape.curvature(a, data, num_eigenvalues=20)
print(spectrum)
spectrum.plot()
plt.show()

# %% [markdown]
# ### Exercise 3: the effective dimension of a line
# Compute N_eff of the line with its 20 data. α is 1. Which matrix has the eigenvalues?

# %%
my_dimension = ...


def check_3(dimension):
    features = torch.cat([line_x, torch.ones(20, 1)], -1).double()
    per_weight = torch.linalg.eigvalsh(features.T @ features / NOISE**2)
    mean_loss = per_weight / 20
    no_noise = per_weight * NOISE**2
    right = (per_weight / (per_weight + 1)).sum()
    tests = [
        (lambda d: not 0 < float(d) < 2, "it is between 0 and the number of weights"),
        (
            lambda d: near(d, (mean_loss / (mean_loss + 1)).sum()),
            "these are those of the mean loss, but alpha belongs to the sum over data",
        ),
        (lambda d: near(d, (no_noise / (no_noise + 1)).sum()), "the noise is missing"),
        (lambda d: near(d, 2 - float(right)), "this is what the prior decides"),
        (
            lambda d: not near(d, right),
            "the matrix is that of exercise 1, without prior",
        ),
    ]
    return check(dimension, tests)


check_3(my_dimension)

# %% [markdown]
# **Is a flat minimum a better one?** Not by itself. In a ReLU network, multiply the first
# layer by ten and divide the second by ten. The function stays, and so does the training
# loss. The curvature does not, for it depends on the coordinates. Only the prior says which
# of the two weight vectors is more probable.

# %%
relu = networks.MLP(64, 10, hidden=[20], activation=nn.ReLU)
relu_model = zoo.BayesianNetwork(
    relu, reference.model.prior, reference.model.likelihood
)
engine = inference.SVI(
    relu_model, guides.Delta(relu_model), num_steps=NUM_STEPS, progress=False
)
relu_fit = engine.fit(data.train)
same = landscape.rescaled(relu_fit, 10.0, data.train.x)

rows = []
for name, fit in (("as fitted", relu_fit), ("rescaled", same)):
    height = landscape.heights(fit, data, num_samples=1)
    largest = landscape.curvature(fit, data, 1, num_probes=0).eigenvalues
    rows.append((name, float(height.loss), float(height.prior), float(largest)))
print(Table(("weights", "loss", "minus log prior", "largest eigenvalue"), rows))

# %% [markdown]
# ## Where the posterior is
# Now we ask four methods for draws: SWAG around the first fit, SGHMC, SGHMC with cycles, and
# the reference. In a cycle the learning rate begins high, which leads to another place, and
# ends low. The first half has no noise and gives no draws. How high above the mode do the
# draws stand?

# %%
swag = inference.SWAG(
    a.model, num_epochs=max(20, NUM_EPOCHS // 15), lr=0.05, progress=False
)
swag_fit = swag.fit(data.train, batch_size=16, init=a)

START = "prior" if SMOKE else "map"  # where chains begin
chains = {"num_epochs": NUM_EPOCHS, "num_chains": 4, "init": START, "progress": False}
sghmc = inference.SGHMC(reference.model, thinning=2, **chains).fit(data.train)
cyclical = inference.SGHMC(reference.model, cycles=5, **chains).fit(data.train)

methods = {
    "SWAG": swag_fit,
    "SGHMC, cyclical": cyclical,
    "SGHMC": sghmc,
    "reference": reference.weight_posterior,
}
mode = float(straight.values[0])
above = {}
for name, posterior in methods.items():
    above[name] = (
        landscape.heights(posterior, data, num_samples=NUM_DRAWS).values - mode
    )

# %%
figure, ax = plt.subplots(figsize=(8, 3), layout="constrained")
for row, values in enumerate(above.values()):
    ax.plot(values, [row] * len(values), "|", markersize=18, alpha=0.6)
ax.axvline(0, color="black", label="mode a")
ax.axvline(straight.barrier, color="black", linestyle=":", label="barrier to b")
ax.axvline(P / (2 * N), color="grey", linestyle="--", label="P / 2N")
ax.set_yticks(range(len(above)), above)
ax.set(xlabel="nats per datum above the mode", ylim=(-0.6, len(above) - 0.4))
ax.legend(loc="upper center", frameon=False)
plt.show()

for name, values in above.items():
    print(f"{name:16s} {values.mean():6.2f} nats per datum above the mode")

# %% [markdown]
# The draws of the reference are nowhere near a mode. They are 4.5 nats per datum above it,
# which is 720 nats for all data. The barrier between the modes has only 39 of them. At this
# height the modes are no separate valleys any more. The posterior is not a set of modes: it
# is the wide region above them, because there is so much more of it. SGHMC finds it. SWAG
# stays at its mode: its spread is that of the noise of SGD, which is almost zero here,
# since the network fits all 160 images. The cycles are too short to climb up.
#
# The plane above shows nothing of this: 95 % of the way from the mode to a draw is off it.
# In the film the chains walk half way between the fits, as if they stood on the barrier. There
# the plane is nearest to zero, around which the draws lie in all the other directions.

# %%
for name in ("SGHMC", "SGHMC, cyclical"):
    shown = landscape.project(plane, methods[name])
    print(f"{name}: {shown.share.mean():.0%} of the distance is off the plane")

walks = {"SGHMC": sghmc, "cyclical": cyclical}
if not SMOKE:
    landscape.animate(plane, walks, "walk.gif", num_frames=40)

# %% [markdown]
# ### Exercise 4: why P / 2N?
# Suppose that the posterior is normal with P weights. How many nats per datum do its draws
# stand above the mode, on average? Write a function of P and N. (Hint: the negative log
# density of a normal has the sum of P squared standard normals in it.)

# %%
my_height = ...  # lambda num_weights, num_data: ...


def check_4(height):
    if height is ...:
        return check(..., [])

    normal = torch.distributions.MultivariateNormal(
        updates.map[20], updates.covariance[20]
    )
    w = normal.sample((2000,))
    rise = float((normal.log_prob(normal.mean) - normal.log_prob(w)).mean())  # nats
    tests = [
        (lambda h: near(h, rise, 0.2), "these are nats of all data, not per datum"),
        (lambda h: near(h, 2 * rise / 20, 0.2), "twice too much"),
        (lambda h: not near(h, rise / 20, 0.2), "draws of the line stand elsewhere"),
    ]
    return check(height(2, 20), tests)


check_4(my_height)

# %% [markdown]
# ## What an average is worth
# At prediction an average costs a forward pass for each draw. So we compare methods at equal
# numbers of passes, on 360 new images: one fit, an ensemble of fits, SWAG around one of
# them, SWAG around each of them (MultiSWAG), and the two chains. The total variation
# compares the predicted probabilities with those of the reference.

# %%
fits = [a, b, *(map_fit(seed) for seed in (3, 4, 5))]
multi = [swag_fit, *(swag.fit(data.train, 16, init=fit) for fit in fits[1:])]
averages = {
    "ensemble": fits,
    "SWAG": [swag_fit],
    "MultiSWAG": multi,
    "SGHMC, cyclical": [cyclical],
    "SGHMC": [sghmc],
    "reference": [reference.weight_posterior],
}


def predict(posteriors, x, passes):
    used = posteriors[:passes]
    each = passes // len(used)
    found = []
    for posterior in used:
        found.append(posterior.predict(x, posterior.num_available(each)))
    return found


def nll(predictions, y):
    pointwise = torch.cat([one.pointwise(y) for one in predictions])  # (S, N)
    mixture = pointwise.logsumexp(0) - math.log(len(pointwise))
    return -float(mixture.mean())


truth = reference.posterior.predict(reference.inputs).probs
scores = {}
for name, posteriors in averages.items():
    scores[name] = []
    for passes in PASSES:
        if name == "ensemble" and passes > len(fits):
            continue
        score = nll(predict(posteriors, data.test.x, passes), data.test.y)
        probs = torch.cat(
            [one.functions for one in predict(posteriors, reference.inputs, passes)]
        ).mean(0)
        variation = 0.5 * (probs - truth).abs().sum(-1).mean()
        scores[name].append((passes, score, float(variation)))

rows = [(name, *each) for name, found in scores.items() for each in found]
print(Table(("average of", "passes", "NLL", "total variation"), rows))

figure, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
for ax, column, label in zip(axes, (1, 2), ("NLL", "total variation"), strict=True):
    for (name, found), marker in zip(scores.items(), "ov^Ds*", strict=True):
        passes = [each[0] for each in found]
        ax.plot(passes, [each[column] for each in found], marker=marker, label=name)
    ax.set(xscale="log", xlabel="forward passes", ylabel=label)
    ax.set_xticks([1, 5, 10, 30], ["1", "5", "10", "30"])
    ax.minorticks_off()
axes[0].legend(frameon=False, fontsize="small")
plt.show()

# %% [markdown]
# A single draw of the posterior predicts worse than a single fit: it is far above the mode.
# Ten draws make up for it, and thirty come nearer to the posterior's prediction than any fit.
# Five fits predict as one: exercise 2 has shown that they are almost one function, with its
# units in another order. SWAG stays at its mode, so it and MultiSWAG predict as the fit does.
#
# The posterior is not better than the fit on these images, by the NLL. Nobody has promised
# that: it is the right answer to this prior and this likelihood, and the prior may be a bad
# one. `benchmarks/averaging.py` has five seeds and two problems more, on which averages help.
#
# ### Exercise 5: within or between?
# `functions` are class probabilities of MultiSWAG, 20 draws of each of five runs:
# (5, 20, 40, 10). Which share of the variance of the predictions lies between the runs?
# Take variances of each probability, sum over classes and inputs, and use the law of total
# variance: total = variance of the means + mean of the variances.

# %%
functions = torch.stack(
    [fit.predict(reference.inputs, 20).functions for fit in multi]
)  # (runs, S, N, O)
my_between = ...


def check_5(share):
    means = functions.mean(1).var(0, correction=0).sum()
    within = functions.var(1, correction=0).mean(0).sum()
    total = means + within
    roots = means.sqrt() / (means.sqrt() + within.sqrt())
    tests = [
        (lambda s: not 0 <= float(s) <= 1, "a share is between 0 and 1"),
        (lambda s: near(s, within / total, 1e-2), "this share lies within the runs"),
        (
            lambda s: near(s, roots, 1e-3),
            "variances add up, standard deviations do not",
        ),
        (
            lambda s: not near(s, means / total, 2e-2),
            "the total is both parts together",
        ),
    ]
    return check(share, tests)


check_5(my_between)

# %% [markdown]
# ## What would make this result wrong
# - **Pictures.** A plane has two of 1,510 directions, and its contours end far below the
#   height of the draws. Believe heights and barriers, not the look of a valley.
# - **Coordinates.** Heights above a mode and eigenvalues change if weights are measured in
#   other units. Predictions do not.
# - **Samplers that have not arrived.** SGHMC with cycles was still low, and its NLL does not
#   show it. `posterior.info.temperatures()` and `zoo.convergence` do.
# - **A small problem.** With 160 data and 1,510 weights the prior decides in most directions.
#   With more data for each weight the modes are deeper, and barriers separate them.
# - **A rate that fits the result.** SWAG is as wide as the noise of SGD at its learning rate.
#   At a larger rate it is wider, and another method. Choose it on held-out training data.
# - **One seed and 360 images.** Differences of a few hundredths in NLL are noise, and so is
#   the score of five or ten draws.
#
# ## Further reading
# - Garipov et al. (2018), *Loss Surfaces, Mode Connectivity, and Fast Ensembling of DNNs*;
#   Ainsworth et al. (2023), *Git Re-Basin*.
# - Wilson and Izmailov (2020), *Bayesian Deep Learning and a Probabilistic Perspective of
#   Generalization*; Izmailov et al. (2021), *What Are Bayesian Neural Network Posteriors
#   Really Like?*
# - Betancourt (2017), *A Conceptual Introduction to Hamiltonian Monte Carlo*, section 2, on
#   where the mass is.
# - Dinh et al. (2017), *Sharp Minima Can Generalize For Deep Nets*.
# - The pages [landscape](../docs/landscape.md) and [sgmcmc](../docs/sgmcmc.md); more tools
#   are `landscape.flatness`, and others that the first page lists.
#
# ## Answers
# 1. The data add Φᵀ Φ / σ² to the precision of the prior, and Φᵀ y / σ² to its information.

# %%
phi = torch.cat([line_x[:3], torch.ones(3, 1)], -1).double()
precision = phi.T @ phi / NOISE**2 + torch.eye(2)
covariance = torch.linalg.inv(precision)
mean = covariance @ (phi.T @ line_y[:3, 0].double()) / NOISE**2
assert check_1(mean, covariance)

# %% [markdown]
# 2. What alignment removes, of the barrier before.

# %%
assert check_2(1 - matched.barrier / straight.barrier)

# %% [markdown]
# 3. The curvature of the log likelihood is Φᵀ Φ / σ², of all data. A line with 20 data has
#    almost two effective dimensions. The same number is the trace of I - α Σ: the share of
#    the prior's variance that is gone.

# %%
phi = torch.cat([line_x, torch.ones(20, 1)], -1).double()
eigenvalues = torch.linalg.eigvalsh(phi.T @ phi / NOISE**2)
dimension = (eigenvalues / (eigenvalues + 1)).sum()
assert check_3(dimension)
assert near(dimension, 2 - updates.covariance[20].trace())

# %% [markdown]
# 4. The expectation of each squared standard normal is one, half of it is in the density,
#    and P of them are divided by N data.

# %%
assert check_4(lambda num_weights, num_data: num_weights / 2 / num_data)

# %% [markdown]
# 5. Little lies between the runs. The five fits are almost one function, so five narrow
#    normals around them are no more than one. On other problems it is the other way round.

# %%
between = functions.mean(1).var(0, correction=0).sum()
within = functions.var(1, correction=0).mean(0).sum()
print(f"{between / (between + within):.3f}")
assert check_5(between / (between + within))
