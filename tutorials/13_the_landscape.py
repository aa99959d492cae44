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
# your answer. The [answers](answers/13_the_landscape.py) are in a file of their own.

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
from zoo.course import check, modes
from zoo.reports.table import Table

SMOKE = "SMOKE" in os.environ  # shortens the loops, changes nothing else
NUM_STEPS = 10 if SMOKE else 1500
NUM_EPOCHS = 20 if SMOKE else 1500
SHAPE = (5, 5) if SMOKE else (31, 31)  # of a picture of a plane
NUM_DRAWS = 5 if SMOKE else 40
PASSES = (1, 5) if SMOKE else (1, 5, 10, 30)

pyro.set_rng_seed(0)

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
# Write a function of inputs and targets, (N, 1) each, that returns the mean and the
# covariance of (w, b), (2,) and (2, 2). The prior is N(0, I), and the noise has standard
# deviation 0.5.

# %%
my_posterior = ...  # lambda x, y: ...

if check(modes.line, my_posterior):
    mean, _ = my_posterior(line_x[:3], line_y[:3])
    print(
        f"after three data: {mean.tolist()}, linear_updates: {updates.map[3].tolist()}"
    )

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
# ### Exercise 2: how many modes are one function?
# The activation is tanh, which is odd: tanh(-a) = -tanh(a). A network has one layer of three
# such units. How many weight vectors compute the same function as one of its modes, itself
# included? (`align` looks for the one that is nearest.)

# %%
my_number = ...

check(modes.same_functions, my_number)

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
# Write it as a function of the inputs x, (N, 1), of the line of the beginning, whose noise
# has standard deviation 0.5. α is 1. Which matrix has the eigenvalues?

# %%
my_dimension = ...  # lambda x: ...

if check(modes.dimension, my_dimension):
    print(
        f"2 data: {my_dimension(line_x[:2]):.2f}, 20 data: {my_dimension(line_x):.2f}"
    )

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

check(modes.height, my_height)

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
# Which share of the variance of the predictions of MultiSWAG lies between its runs? Write it
# as a function of class probabilities (R, S, N, O) of R runs with S draws each. Take the
# variance of each probability, sum over classes and inputs, and use the law of total
# variance: total = variance of the means + mean of the variances.

# %%
my_between = ...  # lambda functions: ...

if check(modes.between, my_between):
    every = [fit.predict(reference.inputs, 20).functions for fit in multi]
    print(f"between the runs of MultiSWAG: {my_between(torch.stack(every)):.2f}")

# %% [markdown]
# ## What would make this result wrong
# - **Pictures.** A plane has two of 1,510 directions, and its contours end far below the
#   height of the draws. Believe heights and barriers, not the look of a valley.
# - **Coordinates.** Heights above a mode and eigenvalues change if weights are measured in
#   other units. Predictions do not.
# - **Samplers that have not arrived.** SGHMC with cycles was still low, and its NLL does not
#   show it. `posterior.info.temperatures()` and `zoo.convergence` do. SGHMC without cycles is as
#   high as the reference, and yet it warns: the R-hat of its log density is 1.10.
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
