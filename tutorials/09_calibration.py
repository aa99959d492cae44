# %% [markdown]
# # Is what it says calibrated, and is one temperature enough?
#
# *Of all the images of which a network is 80 % sure, is it right about 80 %?* This can be
# measured with held-out data, and mended with a single number. The lesson shows how, what
# the usual score hides (its bias, and its sign), why a posterior at its optimum can be
# *less* calibrated than a plain network, and what happens when the inputs change. Shapes: N
# data, O classes, S draws, B bins.
#
# **You will learn**
# - what a reliability diagram shows, and what it cannot show;
# - why the calibration error of a perfect forecast is not zero;
# - which scores cannot be fooled (NLL, Brier);
# - what one temperature mends, on which data, and where it stops to work;
# - why a cold posterior is not a temperature of the logits.
#
# There are four exercises. Replace the dots, and run the cell: it says what is wrong with
# your answer. The [answers](answers/09_calibration.py) are in a file of their own.

# %%
import os

import matplotlib.pyplot as plt
import pyro
import pyro.distributions as dist
import torch
import torch.nn.functional as F

import guides
import zoo
from zoo import (
    datasets,
    inference,
    likelihoods,
    metrics,
    networks,
    plots,
    priors,
    stress,
)
from zoo.course import calibration, check
from zoo.datasets import Split
from zoo.reports.table import Table

SMOKE = "SMOKE" in os.environ  # shortens the loops, changes nothing else
NUM_STEPS = 20 if SMOKE else 1500
NUM_EPOCHS = 3 if SMOKE else 100
NUM_SAMPLES = 8 if SMOKE else 100

pyro.set_rng_seed(0)

# %% [markdown]
# ## A world whose probabilities are known
# An input x is normal, and its label is 1 with probability 1 / (1 + exp(-2x)). Three
# forecasters: one knows this; one is three times too sure of itself; one always says 50 %.


# %%
def world(number):
    """Return inputs and labels (N,)."""
    x = torch.randn(number)
    return x, torch.bernoulli((2 * x).sigmoid()).long()


def both(p):
    """Return probabilities of both classes, (N, 2)."""
    return torch.stack([1 - p, p], -1)


def scores(probs, y):
    """Return error, ECE, mean confidence minus accuracy, NLL and Brier score."""
    accuracy = metrics.accuracy(probs, y)
    log_prob = probs.clamp_min(1e-12).log().gather(-1, y[:, None])[:, 0]
    found = (
        1 - accuracy,
        metrics.calibration_error(probs, y),
        probs.amax(-1).mean() - accuracy,
        metrics.nll(log_prob),
        metrics.brier(probs, y),
    )
    return [float(value) for value in found]


x, y = world(20_000)
forecasts = {
    "the truth": both((2 * x).sigmoid()),
    "too sure": both((6 * x).sigmoid()),
    "always 50 %": both(torch.full_like(x, 0.499)),
}
COLUMNS = ("error", "ECE", "confidence - accuracy", "NLL", "Brier")
print(Table(("forecast", *COLUMNS), [(n, *scores(p, y)) for n, p in forecasts.items()]))

figure, axes = plt.subplots(1, 3, figsize=(10, 4), layout="constrained")
for ax, (name, probs) in zip(axes, forecasts.items(), strict=True):
    plots.reliability_diagram(*metrics.reliability(probs, y), ax=ax)
    ax.set_title(name)
plt.show()

# %% [markdown]
# The first two make the same decisions and the same errors. The gap between confidence and
# accuracy tells them apart, and its mean size over the data is the **expected calibration
# error** (ECE). But the third is calibrated as well as the truth, and knows nothing.
# Calibration is no goal by itself. The **NLL** (nats per datum) and the **Brier score**
# cannot be fooled: on average no forecast has a lower one than the true probabilities. They
# are *proper* scores. Use the ECE to see what is wrong, and a proper score to decide which
# forecast is better.
#
# The ECE has no sign either. Mean confidence minus accuracy has one: 0.13 too sure.
#
# ### Exercise 1: the calibration error
# `metrics.reliability(probs, y)` returns confidence, accuracy and number of data of every
# bin, (B,) each. Write the ECE as a function of these three. (What is in an empty bin?)

# %%
my_ece = ...  # lambda confidence, accuracy, count: ...

check(calibration.ece, my_ece)

# %% [markdown]
# ## The error of a perfect forecast
# Here is the calibration error of the *truth*, from N data, the mean of fifty data sets.

# %%
NUMBERS = (30, 100, 300, 1000, 3000)
figure, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
for bins, marker in ((5, "o"), (15, "s"), (50, "^")):
    errors = []
    for number in NUMBERS:
        of_sets = []
        for _ in range(3 if SMOKE else 50):
            x, y = world(number)
            probs = both((2 * x).sigmoid())
            of_sets.append(metrics.calibration_error(probs, y, bins))
        errors.append(float(torch.stack(of_sets).mean()))
    print(bins, "bins:", [round(error, 3) for error in errors])
    ax.plot(NUMBERS, errors, marker=marker, label=f"{bins} bins")
ax.set(
    xscale="log", yscale="log", xlabel="data N", ylabel="ECE of the true probabilities"
)
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# It is not zero, and with 100 data and 15 bins it is 0.09. In each bin the accuracy is off
# by chance, and the absolute values do not cancel. The error falls as 1 / √N and grows with
# the number of bins: it is about 0.3 √(bins in use / N). **An ECE without N and the number
# of bins says nothing**, and a difference of two of them has to exceed this.
#
# ### Exercise 2: how large is the bias?
# A forecast says 0.8 for all of 100 inputs, and is right about that. All are in one bin.
# What is the expected calibration error? (Hint: the accuracy is nearly normal; see the mean
# of |z| in [lesson 7](07_how_close_is_your_guide.py).)

# %%
my_bias = ...

check(calibration.bias, my_bias)

# %% [markdown]
# ## Four networks
# Scikit-learn's digits of 8 x 8 pixels: 400 images to train, 300 held out for a temperature,
# and 1097 test images. One architecture, 64-100-10, and four fits:
# - *plain*: Adam on the cross-entropy, no prior;
# - *MAP*: the mode under a prior N(0, 0.3²) on every weight, i.e. weight decay;
# - *mean field*: a normal for every weight under the same prior, at the optimum of its
#   bound;
# - *cold*: the same, but each datum counts ten times (likelihood temperature 0.1).

# %%
digits = datasets.digits()
images = torch.cat([digits.train.x, digits.test.x])  # (N, 1, 8, 8), pixels in [0, 1]
labels = torch.cat([digits.train.y, digits.test.y])
train, held_out, test = (
    Split(images[rows], labels[rows])
    for rows in torch.randperm(len(images)).split([400, 300, len(images) - 700])
)


def new_network():
    return torch.nn.Sequential(torch.nn.Flatten(), networks.MLP(64, 10, hidden=[100]))


plain = new_network()
optimizer = torch.optim.Adam(plain.parameters(), lr=3e-3)
for _ in range(NUM_EPOCHS):
    for rows in torch.randperm(len(train.x)).split(50):
        optimizer.zero_grad()
        F.cross_entropy(plain(train.x[rows]), train.y[rows]).backward()
        optimizer.step()

model = zoo.BayesianNetwork(
    new_network(),
    priors.WeightPrior(dist.Normal(0.0, 0.3)),
    likelihoods.Categorical(),
)


def fit(guide, likelihood_temperature=1.0):
    engine = inference.SVI(
        model,
        guide,
        num_steps=NUM_STEPS,
        lr=3e-3,
        likelihood_temperature=likelihood_temperature,
        progress=False,
    )
    return engine.fit(train, batch_size=100)


fits = {
    "MAP": fit(guides.Delta(model)),
    "mean field": fit(guides.LocalReparam(model, init_scale=0.02)),
    "cold": fit(guides.LocalReparam(model, init_scale=0.02), 0.1),
}


def predicted(name, x):
    """Return class probabilities (N, O) of a network, averaged over draws."""
    if name == "plain":
        with torch.no_grad():
            return plain(x).softmax(-1)
    num_samples = 1 if name == "MAP" else NUM_SAMPLES
    return fits[name].predict(x, num_samples).probs


names = ("plain", *fits)
probs = {name: predicted(name, test.x) for name in names}
print(Table(("fit", *COLUMNS), [(n, *scores(p, test.y)) for n, p in probs.items()]))
for name in ("mean field", "cold"):
    posterior = fits[name]
    print(f"{name}: bound {posterior.bound(train)}, {posterior.info.fit_kind}")

figure, axes = plt.subplots(1, 4, figsize=(12, 3.8), layout="constrained")
for ax, (name, each) in zip(axes, probs.items(), strict=True):
    plots.reliability_diagram(*metrics.reliability(each, test.y), ax=ax)
    ax.set_title(name)
plt.show()

# %% [markdown]
# The plain network is nearly calibrated. **The mean field is the worst**: an ECE of 0.46 on
# clean digits, with more errors (10.8 %) than its twin, the MAP (6.8 %), and both have more
# than the plain network (3.8 %). Such an ECE looks like a network that is too sure. The sign
# is the other one: the accuracy is above the confidence in every bin. It is right in nine of
# ten cases and says 43 %.
#
# Two causes, and the rows tell them apart.
# - The MAP has no noise in its weights, and says 68 % where it is right in 93 %. With 400
#   images the **prior** N(0, 0.3²) keeps the weights, and so the logits, small.
# - The mean field has **the noise of its weights** besides. At the optimum of the bound the
#   weights keep much of the prior's spread, for 400 data cannot pay for 7,510 precise
#   weights, and probabilities that are averaged over such draws are flat. Its bound of 2.57
#   nats per image is above ln 10 = 2.30, which is what a guess scores.
#
# The cold fit has a worse bound, 4.74, and predicts better: as a posterior it is the worse
# one. Which part of the 0.46 is the posterior's, and which is the guide's? SGHMC draws from
# nearly the posterior itself, with the same prior.

# %%
engine = inference.SGHMC(
    model,
    num_epochs=4 if SMOKE else 1000,
    num_chains=4,
    init="network" if SMOKE else "map",
    max_draws=60,
    progress=False,
)
draws = engine.fit(train, batch_size=100).predict(test.x).functions  # (S, N, O)
rows = [("SGHMC", *scores(draws.mean(0), test.y))]
for number, chain in enumerate(draws.chunk(4)):
    rows.append((f"its chain {number + 1}", *scores(chain.mean(0), test.y)))

prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
wide = zoo.BayesianNetwork(new_network(), prior, likelihoods.Categorical())
engine = inference.SVI(
    wide, guides.Delta(wide), num_steps=NUM_STEPS, lr=3e-3, progress=False
)
of_wide = engine.fit(train, batch_size=100).predict(test.x, 1).probs
rows.append(("MAP, prior N(0, 1)", *scores(of_wide, test.y)))
print(Table(("fit", *COLUMNS), rows))

# %% [markdown]
# SGHMC is not sure enough either, by 22 %: **so much is the model's fault, and the other
# half is the guide's**. (Its chains are short, and have not converged: R-hat of the logits
# is up to 1.2. But each chain by itself says the same, 0.22.) It has fewer errors and a
# lower NLL than the MAP of the same prior, 0.40 against 0.47; averaging over the posterior
# helps, and cannot mend a prior. A prior that allows larger weights takes most of the gap
# away, without any posterior: 0.04 with N(0, 1).
#
# A posterior is calibrated *on average over data from its own prior*. On these digits a
# prior that is too narrow, and a guide that is too noisy, look alike.
#
# ## One temperature
# Divide the logits by T, and choose T by the NLL of the held-out images. For an average over
# draws the logits are the logarithms of the averaged probabilities. The predicted class does
# not change. The last column is the bias of the ECE: its value if the labels were drawn from
# these very probabilities.


# %%
def ece_if_true(probs):
    """Return the mean ECE of labels that are drawn from the probabilities (N, O)."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.multinomial(probs, 20, replacement=True, generator=generator)
    return float(sum(metrics.calibration_error(probs, y) for y in labels.T) / 20)


temperatures, rows = {}, []
for name in names:
    logits = predicted(name, held_out.x).log()
    temperatures[name] = metrics.temperature_scaling(logits, held_out.y)
    scaled = (probs[name].log() / temperatures[name]).softmax(-1)
    found = scores(scaled, test.y)
    rows.append((name, float(temperatures[name]), *found, ece_if_true(scaled)))
print(Table(("fit", "T", *COLUMNS, "ECE if true"), rows))

# %% [markdown]
# One number each, and all four are calibrated: their ECE is 0.014 to 0.026, and labels that
# are drawn from these very probabilities would give 0.014 to 0.019. The plain network needed
# T = 1.46, since it was too sure of the held-out images, and the mean field T = 0.22. The
# NLL of the mean field falls from 0.92 to 0.33, and it stays the worst, because its errors
# stay. **A temperature mends the confidence, and never a decision.** After it a calibration
# error no longer tells good fits from bad ones; the NLL does.
#
# The ECE of the plain network has doubled, to 0.026, while its NLL fell from 0.149 to 0.146.
# The temperature has an error of its own, with 300 images, and it minimises the NLL.
#
# ### Exercise 3: find the temperature
# A network says the logits (3, 0) for every input of two classes, and is right about three
# of four. Which T makes it calibrated?

# %%
my_temperature = ...

check(calibration.temperature, my_temperature)

# %% [markdown]
# ## When the inputs change
# The temperature was found on upright digits. Now the test images are rotated.

# %%
ANGLES = (0, 15, 30, 45, 60, 90)
gaps = {name: [] for name in names}
gaps_scaled = {name: [] for name in names}
nlls = {name: [] for name in names}
errors = {name: [] for name in names}
for angle in ANGLES:
    rotated = stress.rotation(test.x, angle) if angle else test.x
    for name in names:
        each = predicted(name, rotated)
        of_temperature = (each.log() / temperatures[name]).softmax(-1)
        error, _, gap, _, _ = scores(each, test.y)
        errors[name].append(error)
        gaps[name].append(gap)
        _, _, gap, nll, _ = scores(of_temperature, test.y)
        gaps_scaled[name].append(gap)
        nlls[name].append(nll)

figure, axes = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
titles = ("error", "confidence - accuracy, T = 1", "the same, with its temperature")
for ax, values, title in zip(axes, (errors, gaps, gaps_scaled), titles, strict=True):
    for (name, line), style in zip(
        values.items(), ("o-", "s--", "^:", "D-."), strict=True
    ):
        ax.plot(ANGLES, line, style, label=name)
    ax.axhline(0, color="grey", linewidth=0.8)
    ax.set(title=title, xlabel="rotation, degrees", xticks=ANGLES)
axes[0].legend(frameon=False)
plt.show()
rows = [(name, *values) for name, values in gaps_scaled.items()]
print(Table(("confidence - accuracy", *(f"{angle}°" for angle in ANGLES)), rows))
rows = [(name, *values) for name, values in nlls.items()]
print(Table(("NLL with temperature", *(f"{angle}°" for angle in ANGLES)), rows))

# %% [markdown]
# At 15 degrees the temperatures still hold. From 30 degrees on **every network is too sure,
# with the temperature that was right on upright digits**: by 0.2 to 0.3 at 30 degrees, where
# half of the digits are wrong, and by 0.5 to 0.7 at 45. One temperature is enough for data
# like those it was fitted to. The MAP and the mean field are better than the plain network
# there (0.23 against 0.33), and none is good.
#
# Without temperatures (the middle panel) the mean field looks calibrated at 45 degrees. That
# is an accident: it is not sure enough of everything, and there the errors have grown until
# they fit.
#
# ## A cold posterior is another thing
# Both are called temperature. Dividing the logits by T changes every prediction after it was
# averaged: the same class, another confidence. The mean field with its T = 0.22 keeps its
# 10.8 % of errors. A **cold posterior** changes the distribution of the weights itself: the
# same guide, with a likelihood temperature of 0.1, has weights with less noise, other
# predicted classes, and 4.3 % of errors. Its confidence is right only by accident: it needed
# a T of 0.54 in addition. That cold fits predict better is a sign that something is wrong
# with the prior, the likelihood or the guide (Wenzel et al., 2020); here it is the prior and
# the guide. Its price is in the bound: 4.74 nats per image instead of 2.57.
#
# ### Exercise 4: a cold normal
# The posterior of a weight is normal, with mean 1 and standard deviation 3. What is the
# standard deviation of the whole posterior at the temperature 1/4, where its density is
# raised to the power 4 and normalised again?

# %%
my_cold = ...

check(calibration.cold, my_cold)

# %% [markdown]
# ## What would make this result wrong
# - **Few data.** With 1097 images, an accuracy of 95 % has a standard error of 0.7 %, and a
#   perfect forecast an ECE of about 0.02 if it uses many bins. Do not rank 0.014 and 0.021.
# - **A temperature that was fitted to test data**, or to training data, which the network
#   has learned by heart.
# - **One confidence for everything.** The ECE looks at the predicted class and at all inputs
#   together. A network can be too sure of one class and not sure enough of another.
# - **Averages over draws.** The logits of an average are the logarithms of averaged
#   probabilities. Averages of logits are something else.
# - **Few draws.** A small temperature magnifies the noise of an average over 100 draws: the
#   NLL of the mean field at its temperature is 0.33 with one set of draws and 0.38 with
#   another.
# - **One seed, one small network.** Large networks that are trained for long are much more
#   overconfident than *plain* is here (Guo et al.).
#
# ## Further reading
# - Guo, Pleiss, Sun, Weinberger (2017), *On Calibration of Modern Neural Networks*.
# - Gneiting and Raftery (2007), *Strictly Proper Scoring Rules, Prediction, and Estimation*.
# - Nixon et al. (2019), *Measuring Calibration in Deep Learning*, on the bias of the ECE.
# - Ovadia et al. (2019), *Can You Trust Your Model's Uncertainty? Evaluating Predictive
#   Uncertainty Under Dataset Shift*: `zoo reproduce corrupt-mnist`.
# - Wenzel et al. (2020), *How Good is the Bayes Posterior in Deep Neural Networks Really?*:
#   `zoo reproduce cold-posterior`.
