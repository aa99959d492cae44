# %% [markdown]
# # Why is a softmax not a confidence?
#
# *A network says that it is 99 % sure. May we believe it?* A softmax turns any numbers into
# probabilities that sum to one. That alone does not make them the probability of being right.
# This lesson looks at the number in three places: far from the data, on data like those of
# the training, and on data that have changed. Beside it stands the average over the posterior.
# Shapes: S draws, N data, O classes.
#
# **You will learn**
# - why a network becomes surer the further an input is from all data;
# - which probability a softmax is, and which one it is not;
# - how to average over a posterior, and what that changes;
# - how to measure whether confidence is deserved, by a reliability diagram and its error;
# - why neither a temperature nor a posterior saves you when the inputs change.
#
# There are four exercises. Replace the dots, and run the cell: it says what is wrong with
# your answer. The [answers](answers/01_softmax_confidence.py) are in a file of their own.

# %%
import os

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from zoo import datasets, metrics, networks, plots, references, stress
from zoo.course import check, softmax
from zoo.datasets import Split
from zoo.reports.table import Table

SMOKE = "SMOKE" in os.environ  # shortens the loops, changes nothing else
NUM_STEPS = 20 if SMOKE else 1500

torch.manual_seed(0)

# %% [markdown]
# ## Far from the data
# The data are two half circles in the plane, 200 points of two classes. We train a network
# as usual, with cross-entropy and weight decay. Weight decay is the log density of a normal
# prior, and so this is the *maximum a posteriori* (MAP): the best single set of weights.
# Without the prior it is *maximum likelihood* (MLE).


# %%
def trained(network, part, priors=None):
    """Train on all data of a part; `priors` has a distribution for each parameter."""
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, NUM_STEPS)
    for _ in range(NUM_STEPS):
        optimizer.zero_grad()
        loss = cross_entropy(network(part.x), part.y, reduction="sum")
        for name, prior in (priors or {}).items():
            loss = loss - prior.log_prob(network.get_parameter(name)).sum()
        loss.backward()
        optimizer.step()
        decay.step()

    return network.requires_grad_(False)


moons = references.load("moons")  # data, a model, and draws of its posterior
data = moons.data
standard_normal = moons.model.latents  # name of each parameter -> N(0, 1)

relu = networks.MLP(2, 2, hidden=[20, 20], activation=nn.ReLU)
relu = trained(relu, data.train, standard_normal)

# %%
SIDE = torch.linspace(-9, 9, 91)
PLANE = torch.cartesian_prod(SIDE, SIDE)  # (N, 2)
LEVELS = [0.5, 0.7, 0.9, 0.99, 1.0]


def draw_confidence(ax, probs, title):
    """Draw the probability of the predicted class over the plane; probs: (N, 2)."""
    shown = probs.amax(-1).reshape(len(SIDE), len(SIDE)).T
    colors = ax.contourf(SIDE, SIDE, shown, levels=LEVELS, cmap="Blues")
    margin = (probs[:, 1] - probs[:, 0]).reshape(len(SIDE), len(SIDE)).T
    ax.contour(SIDE, SIDE, margin, levels=[0.0], colors="black", linewidths=1)
    for label, marker in ((0, "o"), (1, "^")):
        of_class = data.train.x[data.train.y == label]
        ax.scatter(*of_class.T, s=5, marker=marker, color="C1")
    ax.set(title=title, aspect="equal", xlabel="first input", ylabel="second input")
    return colors


figure, ax = plt.subplots(figsize=(5.2, 4.2), layout="constrained")
colors = draw_confidence(ax, relu(PLANE).softmax(-1), "one network, ReLU")
figure.colorbar(colors, label="confidence, a probability")
plt.show()

sure = (relu(PLANE).softmax(-1).amax(-1) > 0.99).double().mean()
print(f"share of the plane with more than 99 % confidence: {sure:.2f}")

# %% [markdown]
# The data fill a small part of the middle. The black line is where the predicted class
# changes. The network is unsure along this line and sure everywhere else: 94 % of the plane
# has a confidence above 99 %, and almost none of it has ever seen a point.
#
# The reason is simple. A ReLU network is made of straight pieces. Beyond the last kink its
# logits are linear, so the difference of two logits, the *margin*, grows with the distance.
# For two classes the softmax is 1 / (1 + exp(-margin)). It goes to 1.
#
# ### Exercise 1: how sure, how far?
# Along a ray the margin is 1 at distance 3 and 3 at distance 5, and beyond 3 there is no kink.
# Which probability does the network give to the *other* class at distance 10?

# %%
my_other = ...

check(softmax.far_away, my_other)

# %% [markdown]
# ## Which probability is it?
# The softmax of a trained network is p(y | x, ŵ): what *these weights* say. It holds the noise
# that these weights have found in the labels. It does not hold that other weights fit the data
# as well. What we want is the probability given the data D,
#
# p(y | x, D) = ∫ p(y | x, w) p(w | D) dw ≈ the mean over draws s of p(y | x, w_s),
#
# with draws w_s of the posterior p(w | D). For this problem the package ships draws of which
# we know that they are right: two samplers of different kinds agree on them, `moons.table`
# has the numbers. (How a sampler works, and how we know:
# [the lesson on HMC](04_how_hmc_works.py).) The network has two layers of 20 tanh units and a
# prior N(0, 1) on each weight. We take 50 draws, and train one network of the same model.

# %%
tanh = trained(networks.MLP(2, 2, hidden=[20, 20]), data.train, standard_normal)
posterior = moons.weight_posterior
draws = posterior.predict(PLANE).functions  # class probabilities, (S, N, O)

figure, axes = plt.subplots(2, 3, figsize=(9, 6.2), layout="constrained")
colors = draw_confidence(axes[0, 0], tanh(PLANE).softmax(-1), "one network, MAP")
for number, ax in enumerate(axes.flat[1:5]):
    draw_confidence(ax, draws[number], f"draw {number + 1} of the posterior")
draw_confidence(axes[1, 2], draws.mean(0), "the mean of 50 draws")
for ax in axes.flat:
    ax.label_outer()
figure.colorbar(colors, ax=axes, label="confidence, a probability", shrink=0.6)
plt.show()

# %% [markdown]
# All agree where the data are. Far away most draws are sure of themselves in most directions,
# as the single network is. But each has its boundary elsewhere, so their *mean* is not sure.
# The uncertainty far from the data is mostly not in any one network, but between them.
#
# How sure is each on circles around the data?

# %%
angles = torch.linspace(0, 2 * torch.pi, 65)[:-1]
directions = torch.stack([angles.cos(), angles.sin()], -1)  # (N, 2)
middle = data.train.x.mean(0)
RADII = (0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0)

confidence = {"ReLU, MAP": [], "tanh, MAP": [], "each draw": [], "mean of draws": []}
rows = []
for radius in RADII:
    circle = middle + radius * directions
    each = posterior.predict(circle).functions
    found = (
        relu(circle).softmax(-1).amax(-1),
        tanh(circle).softmax(-1).amax(-1),
        each.amax(-1).flatten(),
        each.mean(0).amax(-1),
    )
    for values, name in zip(found, confidence, strict=True):
        confidence[name].append(float(values.mean()))
    rows.append((radius, *(float((values > 0.99).float().mean()) for values in found)))

figure, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
styles = ("C0o-", "C1s--", "C2^:", "C3D-")
for (name, values), style in zip(confidence.items(), styles, strict=True):
    ax.plot(RADII, values, style, label=name, markersize=4)
ax.set(xscale="log", xlabel="distance from the middle of the data, units of the inputs")
ax.set(ylabel="mean confidence", ylim=(0.5, 1.02))
ax.legend(frameon=False, loc="lower left")
plt.show()

print("Share of 64 directions with more than 99 % confidence")
print(Table(("distance", *confidence), rows))

# %% [markdown]
# At distance 1, where the data are, all say about the same. Then the single networks get
# surer, up to all directions, and the mean of the draws gets less sure. A draw by itself is
# above 99 % in two of three directions, wherever one looks. With tanh units the
# logits stop growing in the end, but by then they are large: 20 saturated units can say 99 %
# as well.
#
# Is the posterior's answer far away *right*? It is not one half there but 0.84. There are no
# data to test that by. It is what the prior says of functions that fit the data: that half
# planes are likely to go on. Another prior would say something else.
#
# ### Exercise 2: average what?
# Write the averaged confidence as a function of the logits of every draw, (S, N, O): return
# the probability of the predicted class, (N,).

# %%
my_confidence = ...  # lambda logits: ...

check(softmax.averaged, my_confidence)

# %% [markdown]
# ## Near the data: is the confidence deserved?
# Take all inputs for which a network says "80 %". If its confidence is deserved, it is right
# for 80 % of them. A *reliability diagram* sorts predictions into bins of their confidence and
# draws the accuracy of each bin. The mean distance from the diagonal, weighted by the number
# of predictions, is the *expected calibration error* (ECE).
#
# ### Exercise 3: the calibration error
# A network predicts 300 images. For 200 of them it says 0.99 and is right on 180. For the
# other 100 it says 0.60 and is right on 66. How large is its ECE?

# %%
my_error = ...

check(softmax.calibration, my_error)

# %% [markdown]
# Now images: 160 of scikit-learn's digits, 8 x 8 pixels, for a network with 20 hidden units,
# and 1,637 others to test it. Few data make the question hard, as it is for large networks on
# many data. Again there are shipped draws of the true posterior. The prior is smaller here:
# N(0, 4 / number of inputs of the unit). We compare maximum likelihood, MAP and the
# posterior, on the moons too.

# %%
digits = references.load("digits-mlp")
others = datasets.digits(flatten=True)
NUM_TRAIN = len(digits.data.train.y)
test = Split(
    torch.cat([others.train.x[NUM_TRAIN:], others.test.x]),
    torch.cat([others.train.y[NUM_TRAIN:], others.test.y]),
)


def predictors(reference, sizes):
    """Return functions from inputs to class probabilities (N, O), by name."""
    train, posterior = reference.data.train, reference.weight_posterior
    mle = trained(networks.MLP(*sizes[:2], hidden=sizes[2]), train)
    best = trained(
        networks.MLP(*sizes[:2], hidden=sizes[2]), train, reference.model.latents
    )
    return {
        "MLE": lambda x: mle(x).softmax(-1),
        "MAP": lambda x: best(x).softmax(-1),
        "posterior": lambda x: posterior.predict(x).probs,
    }, mle


def scores(probs, y):
    """Return accuracy, mean confidence, ECE, and NLL in nats per datum."""
    nll = -probs.gather(-1, y.unsqueeze(-1)).log().mean()
    found = (
        metrics.accuracy(probs, y),
        probs.amax(-1).mean(),
        metrics.calibration_error(probs, y),
        nll,
    )
    return [float(score) for score in found]


of_moons, _ = predictors(moons, (2, 2, [20, 20]))
of_digits, digits_mle = predictors(digits, (64, 10, [20]))

rows = []
for name, predict in of_moons.items():
    rows.append((f"moons, {name}", *scores(predict(data.test.x), data.test.y)))
for name, predict in of_digits.items():
    rows.append((f"digits, {name}", *scores(predict(test.x), test.y)))
print(Table(("held-out data", "accuracy", "confidence", "ECE", "NLL, nats"), rows))

figure, axes = plt.subplots(1, 3, figsize=(10, 4), layout="constrained")
for ax, (name, predict) in zip(axes, of_digits.items(), strict=True):
    found = metrics.reliability(predict(test.x), test.y, bins=10)
    plots.reliability_diagram(*found, ax=ax)
    ax.set_title(f"digits, {name}")
plt.show()

# %% [markdown]
# On the moons all predictions are good, and maximum likelihood is too sure: it says 0.995 and is
# right for 0.958. Its NLL, which punishes sure mistakes, is more than twice that of the others.
# MAP and the posterior earn their confidence up to two points.
#
# On digits maximum likelihood is too sure again, in almost every bin. MAP and posterior are
# right for 88 of 100 images and say "46 %". They are far from sure *enough*, and their NLL is
# three times worse. This is the exact posterior, so it cannot be an error of the
# approximation. It is the model: this prior holds the logits near zero, and 160 images do not
# outweigh it. A posterior is calibrated if its prior is right, and not by being a posterior.
# We try three other scales of the prior with MAP, the same for all weights.

# %%
rows = []
for scale in (0.3, 1.0, 3.0):
    network = networks.MLP(64, 10, hidden=[20])
    normal = torch.distributions.Normal(0.0, scale)
    prior = {name: normal for name, _ in network.named_parameters()}
    network = trained(network, digits.data.train, prior)
    rows.append((scale, *scores(network(test.x).softmax(-1), test.y)))
print(Table(("prior's scale", "accuracy", "confidence", "ECE", "NLL, nats"), rows))

# %% [markdown]
# The prior's scale alone takes the same network from "38 %" to "92 %", while its accuracy goes
# from 82 to 92 %. At 3 the confidence is deserved: its ECE of 0.015 is better than that of maximum
# likelihood, and is what a perfect classifier has on this number of images. The
# [next lesson](02_weight_priors.py) asks what such a scale says, and how to choose it before
# one has test data.
#
# ## When the inputs change
# All of this was on data like those of the training. Now the same digits are rotated, a bit
# more in each step. Nobody tells the networks.

# %%
ANGLES = (0, 15, 30, 45, 60, 75, 90)


def rotated(degrees):
    """Return the test images, rotated, as rows (N, 64)."""
    images = test.x.reshape(-1, 1, 8, 8)
    return stress.rotation(images, degrees).flatten(1)


figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained", sharey=True)
rows = []
for ax, (name, predict) in zip(axes, of_digits.items(), strict=True):
    found = [scores(predict(rotated(degrees)), test.y) for degrees in ANGLES]
    accuracy, sure, error, nll = zip(*found, strict=True)
    ax.plot(ANGLES, accuracy, "C0o-", label="accuracy")
    ax.plot(ANGLES, sure, "C1s--", label="mean confidence")
    ax.set(title=name, xlabel="rotation, degrees", xticks=ANGLES, ylim=(0, 1.02))
    rows.append((name, error[0], error[3], error[-1], nll[0], nll[3], nll[-1]))
axes[0].legend(frameon=False)
plt.show()

columns = ("digits", "ECE at 0°", "45°", "90°", "NLL at 0°", "45°", "90°")
print(Table(columns, rows))

# %% [markdown]
# At 90 degrees each is right for one digit in ten, which is chance. Maximum likelihood says 99.7 %
# there. The posterior says 50 %: its NLL is a quarter of the other's, but it is far too sure, too.
# And all three have the same strange shape. Up to 30 or 45 degrees the confidence falls. Then
# it rises again, because a digit on its side looks like another digit.
#
# The small ECE of MAP and posterior at 45 degrees is no merit. They were not sure enough
# before, and the accuracy has fallen through their confidence on its way down. Nothing in the
# data or the prior says that digits may be rotated, so no posterior can know it. It only
# averages what the weights leave open.
#
# ## Can one number mend it?
# A *temperature* divides all logits by T before the softmax. It is chosen on held-out data,
# changes no predicted class, and needs no posterior. We choose it on 400 upright images for
# the network of maximum likelihood.

# %%
temperature = metrics.temperature_scaling(digits_mle(test.x[:400]), test.y[:400])
print(f"temperature {temperature:.2f}")

rows = []
for degrees in (0, 45, 90):
    logits = digits_mle(rotated(degrees))[400:]
    for name, divisor in (("T = 1", 1.0), ("chosen T", temperature)):
        found = scores((logits / divisor).softmax(-1), test.y[400:])
        rows.append((f"{degrees}°, {name}", *found))
print(Table(("MLE, rotated by", "accuracy", "confidence", "ECE", "NLL, nats"), rows))

# %% [markdown]
# On upright images the temperature does its work: the ECE falls from 0.039 to 0.020, with no
# posterior. Rotated by 90 degrees, the network says 98.7 % instead of 99.6 %, and is right for
# 9 %. A temperature is one number, and was chosen for other images.
#
# ### Exercise 4: a temperature far away
# Take the ray of exercise 1 again: margin 1 at distance 3, margin 3 at distance 5. At which
# distance does the network with temperature T = 2 reach a confidence of 99 %?

# %%
my_distance = ...

check(softmax.cooled, my_distance)

# %% [markdown]
# ## What would make this result wrong
# - **A network that is trained shortly.** Confidence grows with every epoch. After a few, a
#   network can be calibrated by luck.
# - **Two inputs.** In a plane "far away" means outside. Of 64 pixels almost every place is far
#   from the data, and the strange images of the real world lie in directions of their own.
# - **50 draws.** An averaged probability of one half is known to 0.07. That the mean is less
#   sure than a draw is certain; the second digit of 0.84 is not.
# - **The prior.** Far from the data the posterior repeats it, and on few data near them as well.
# - **Bins.** An ECE depends on their number, and is never zero: with 360 images and 15 bins a
#   perfect classifier has about 0.06, with 1,637 about 0.03. Compare NLLs too.
# - **One seed.** Train again: the share of the plane changes by a few points, the order does
#   not.
#
# ## Further reading
# - Guo, Pleiss, Sun, Weinberger (2017), *On Calibration of Modern Neural Networks*.
# - Hein, Andriushchenko, Bitterwolf (2019), *Why ReLU Networks Yield High-Confidence Predictions
#   Far Away from the Training Data and How to Mitigate the Problem*.
# - Kristiadi, Hein, Hennig (2020), *Being Bayesian, Even Just a Bit, Fixes Overconfidence in ReLU
#   Networks*.
# - Ovadia et al. (2019), *Can You Trust Your Model's Uncertainty? Evaluating Predictive
#   Uncertainty Under Dataset Shift*; Gal and Ghahramani (2016), *Dropout as a Bayesian
#   Approximation*, on rotated digits.
# - Izmailov, Nicholson, Lotfi, Wilson (2021), *Dangers of Bayesian Model Averaging under Covariate
#   Shift*: a posterior can be worse than one network.
# - `zoo reproduce corrupt-mnist` and `zoo reproduce ood-mnist` ask the same of MNIST.
