# %% [markdown]
# # Does it notice strange inputs, and which weights does it need?
#
# *A digit is rotated, noisy, attacked, or no digit at all: does the network notice? And how
# many of its weights can be dropped before it fails?* Both are questions to the same thing,
# the spread of the weights: draws that disagree mark what is strange, and weights that can
# be anything are weights that nobody needs. Shapes: N images, S draws, O classes.
#
# **You will learn**
# - when one set of weights predicts better than a posterior, and why it is not the posterior's
#   fault;
# - what happens to accuracy and uncertainty under rotation, noise, blur and contrast;
# - how to measure whether images of another kind are noticed, and what a person gains;
# - why an attack through one draw says nothing about the posterior;
# - which rule drops weights, what a dropped weight costs, and how many can go.
#
# There are four exercises. Replace the dots, and run the cell: it says what is wrong with
# your answer. The [answers](answers/11_strange_inputs.py) are in a file of their own.

# %%
import os
import tempfile
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import pyro
import torch
from torch import nn

import guides
import zoo
from zoo import (
    datasets,
    inference,
    likelihoods,
    networks,
    priors,
    pruning,
    stress,
)
from zoo.course import check, strange_inputs
from zoo.datasets import Split
from zoo.reports.table import Table

SMOKE = "SMOKE" in os.environ  # shortens the loops, changes nothing else
NUM_STEPS = 20 if SMOKE else 1500
NUM_EPOCHS = 4 if SMOKE else 100
NUM_SAMPLES = 4 if SMOKE else 60  # draws of a posterior

pyro.set_rng_seed(0)

# %% [markdown]
# ## Four fits of one network
# The images are scikit-learn's digits, 8 x 8 pixels between 0 and 1, 1,437 to learn from and
# 360 to test. The network has 100 hidden units and 7,510 weights, which have normal priors. We
# fit it in four ways:
# - the **twin**: one set of weights, the most probable one under the same prior (MAP);
# - a **mean field**: each weight has a normal distribution of its own (Bayes by Backprop);
# - a **cold** mean field, for which every image counts ten times in the likelihood;
# - **SGHMC**: draws by a sampler, four chains that begin at a mode, and no normals.
#
# The table has the negative log likelihood of the test labels (NLL), in nats per image.

# %%
data = datasets.digits()
network = nn.Sequential(
    nn.Flatten(), networks.MLP(64, 10, hidden=[100], activation=nn.ReLU)
)
prior = priors.WeightPrior(priors.fan_in(2.0))
model = zoo.BayesianNetwork(network, prior, likelihoods.Categorical())


def fit(guide, **options):
    """Return an approximation of the posterior by a guide."""
    decay = partial(torch.optim.lr_scheduler.CosineAnnealingLR, T_max=NUM_STEPS)
    engine = inference.SVI(
        model,
        guide,
        num_steps=NUM_STEPS,
        lr=3e-3,
        scheduler=decay,
        progress=False,
        **options,
    )
    return engine.fit(data.train, batch_size=128)


twin = fit(guides.Delta(model))
mean_field = fit(
    guides.LocalReparam(model, init_scale=0.02)
)  # a mean field, less noisy to fit
sampler = inference.SGHMC(
    model,
    num_epochs=NUM_EPOCHS,
    num_chains=2 if SMOKE else 4,
    init="prior" if SMOKE else "map",
    max_draws=60,
    progress=False,
)
sghmc = sampler.fit(data.train, batch_size=128)
cold = fit(guides.LocalReparam(model, init_scale=0.02), likelihood_temperature=0.1)

fits = {
    "twin": (twin, 1),
    "mean field": (mean_field, NUM_SAMPLES),
    "mean field, cold": (cold, NUM_SAMPLES),
    "SGHMC": (sghmc, NUM_SAMPLES),
}
rows = []
for name, (posterior, number) in fits.items():
    prediction = posterior.predict(data.test.x, posterior.num_available(number))
    right = (prediction.probs.argmax(-1) == data.test.y).double().mean()
    nll = -prediction.log_prob(data.test.y).mean()
    confidence = prediction.probs.amax(-1).mean()
    rows.append((name, float(right), float(confidence), float(nll)))
print(Table(("fit", "accuracy", "mean confidence", "NLL, nats"), rows))

# %% [markdown]
# **The twin predicts better than the mean field**, above all in NLL: 0.296 against 0.395 nats.
# Does it beat the posterior then? No: the draws of the sampler are ahead of the twin, with
# 0.254. What loses is the approximation. In a draw of the mean field each weight has noise of
# its own, where the posterior lets weights make up for each other. Sums over many such weights
# are blurred, and so the mean field is right in 94 of 100 images with a mean confidence of
# 73 %. It has to keep this noise: at the optimum of its bound three quarters of its weights are
# nearly as wide as their prior.
#
# The cold mean field has the lowest NLL of all, 0.144. It has less noise, since the data
# count ten times, and the other fits are under-confident on these easy images. But it is an
# approximation of another posterior, one of ten times as many images, which nobody has seen,
# and its bound says so ([the bound](../docs/bound.md)). Accuracies have a standard error of
# about 1 %.
#
# ## Rotated images
# The digits are turned by up to 90 degrees. Do the fits notice?

# %%
shown = {name: fits[name] for name in ("twin", "mean field", "SGHMC")}
angles = (45, 90) if SMOKE else (15, 30, 45, 60, 75, 90)
rotated = {}
for name, (posterior, number) in shown.items():
    rotated[name] = stress.severity(
        posterior,
        data,
        stress.rotation,
        angles,
        num_samples=number,
        progress=False,
    )

figure, axes = plt.subplots(1, 3, figsize=(9, 3), layout="constrained")
scores = {"accuracy": "accuracy", "entropy": "nats", "epistemic": "nats"}
for (name, found), marker in zip(rotated.items(), "os^", strict=True):
    for ax, score in zip(axes, scores, strict=True):
        ax.plot(found.severities, found.scores[score], marker=marker, label=name)
for ax, (score, unit) in zip(axes, scores.items(), strict=True):
    ax.set(xlabel="rotation, degrees", ylabel=unit, title=score, ylim=(0, None))
axes[0].legend(frameon=False)
rotated["SGHMC"].strip(index=3)
plt.show()

# %% [markdown]
# Up to 30 degrees the entropy rises as the accuracy falls, as it should, and half of the
# answers are still right. From 45 degrees on the entropy falls again, while the accuracy goes
# on falling to that of a guess. A digit on its side looks like another digit, as the 7 in the
# strip looks like a 9 and then a 4, and nothing in the data says that digits can be turned.
# **No posterior knows what the data and the prior do not say.**
#
# The three fits have nearly the same entropy curve, and the twin is no worse. What only
# draws have is the epistemic part. That of SGHMC grows to five times its value, from 0.05 to
# 0.27 nats. That of the mean field is 0.24 nats on clean digits already: this is the noise of
# before, which it takes for ignorance.
#
# ## Noise, blur and contrast
# Four of the usual families of corruptions, averaged over five severities. Omit `families` to
# use all of them.

# %%
families = (
    stress.gaussian_noise,
    stress.impulse_noise,
    stress.gaussian_blur,
    stress.contrast,
)
if SMOKE:
    families = families[:1]

rows = []
for name, (posterior, number) in shown.items():
    found = stress.corruptions(
        posterior, data, families, num_samples=number, progress=False
    )
    for row, family in enumerate(found.families):
        means = [
            float(found.scores[s][row].mean()) for s in ("accuracy", "nll", "entropy")
        ]
        rows.append((family, name, *means))
columns = ("corruption", "fit", "accuracy", "NLL, nats", "entropy, nats")
print(Table(columns, sorted(rows)))

# %% [markdown]
# In every family SGHMC has the lowest NLL, the twin follows, and the mean field is last, though
# it is right most often under blur and contrast: it is too unsure. Under low contrast all fits
# are: 84 to 88 % are right, at an entropy of 1.7 nats or more, of 2.3 that are possible. This
# is too much doubt, where turned digits got too little.
#
# ## Images that are no digits
# Three kinds: digits in negative and upside down, noise, and the left half of one digit with
# the right half of another. Do they get a higher uncertainty than real digits? The area under
# the curve (AUROC) is the chance that a random one of them does. One half is no better than
# a coin.

# %%
x = data.test.x
halves = torch.cat([x[..., :4], x.roll(1, 0)[..., 4:]], -1)
strange = {
    "negatives": 1 - x.flip(-2),
    "noise": torch.rand(x.shape),
    "two halves": halves,
}
figure, axes = plt.subplots(1, 6, figsize=(9, 1.7), layout="constrained")
for number, (kind, images) in enumerate(strange.items()):
    for ax, image in zip(axes[2 * number :], images[4:6], strict=False):
        ax.imshow(image[0].numpy(), cmap="gray", vmin=0, vmax=1)
        ax.set(title=kind, xticks=[], yticks=[])
plt.show()

rows = []
for name, (posterior, number) in shown.items():
    for kind, images in strange.items():
        found = stress.out_of_distribution(posterior, x, images, num_samples=number)
        area = found.auroc
        rows.append((kind, name, area["entropy"], area["mutual information"]))
columns = ("images", "fit", "AUROC of the entropy", "of the epistemic part")
print(Table(columns, sorted(rows)))

# %% [markdown]
# Noise is easy: the entropy of any fit finds it. On negatives the twin is often sure, with
# an area of 0.83. Both posteriors have 0.95 or more, and 1.00 by their epistemic part (the
# mutual information of label and weights). The pixels of negatives lie in directions that the
# training images do not have, so draws of the weights disagree there. Two halves are the
# hardest: each lies in a direction that the network knows, and some of them look like digits.
# There SGHMC has 0.86, the twin 0.82 and the mean field 0.81. The twin has no
# epistemic part, because one set of weights cannot disagree with itself: 0.5.
#
# ### Exercise 1: the AUROC by hand
# Three digits have the uncertainties 0.1, 0.2 and 0.6. Three other images have 0.3, 0.6 and
# 0.9. What is the AUROC?

# %%
my_area = ...

check(strange_inputs.area, my_area)

# %% [markdown]
# ## Referral to a person
# The most uncertain images go to a person, and the network answers for the others. The test
# set is mixed: each digit comes as it is, and turned by 30 degrees.

# %%
mixed = Split(torch.cat([x, stress.rotation(x, 30)]), data.test.y.repeat(2))
referred = (0.0, 0.25) if SMOKE else (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
figure, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
percent = [100 * fraction for fraction in referred]
for (name, (posterior, number)), marker in zip(shown.items(), "os^", strict=True):
    found = stress.referral(posterior, mixed, referred, num_samples=number)
    kept = found.scores["entropy"]["accuracy"]
    ax.plot(percent, kept, marker=marker, label=f"{name}, entropy")
    if name != "twin":
        kept = found.scores["mutual information"]["accuracy"]
        ax.plot(percent, kept, "--", marker=marker, label=f"{name}, epistemic")
ax.set(xlabel="referred to a person, %", ylabel="accuracy of what is kept")
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# Without referral 72 % are right, and 93 to 98 % when half of the images go to a person: all
# uncertainties are useful. But **the twin's entropy is as good as any**. Most turned digits
# lie between two classes, which a softmax of one network knows too. A posterior gains where
# inputs are unlike all training data, as the negatives were, and not everywhere. The epistemic
# part of the mean field is the worst rule.
#
# ### Exercise 2: the accuracy of what is kept
# Write it as a function of uncertainties (N,), of whether each answer is right (N,), and of
# the fraction that is referred. The cell tries it with an uncertainty that is free: how dark
# an image is.

# %%
my_kept_accuracy = ...  # lambda uncertainty, is_right, fraction: ...

if check(strange_inputs.kept_accuracy, my_kept_accuracy):
    predicted = twin.predict(mixed.x, 1).probs.argmax(-1)
    darkness = -mixed.x.flatten(1).mean(1)
    accuracy = my_kept_accuracy(darkness, predicted == mixed.y, 0.3)
    print(f"30 % referred by darkness: {float(accuracy):.3f} of the others are right")

# %% [markdown]
# ## Attacked images
# An attack changes each pixel by at most 0.1, so that the loss rises as much as possible, by
# gradient ascent (PGD, ten steps). The network is random: whose loss? That of one draw, that
# of the network at the mean of the weights, or that of many draws together. The result is
# judged by other draws than those that were attacked.

# %%
attacks = [("twin", "draws")]
for name in ("mean field", "SGHMC"):
    attacks += [(name, through) for through in ("one", "mean", "draws")]

rows = []
for name, through in attacks:
    posterior, number = shown[name]
    found = stress.pgd(
        posterior,
        data,
        radius=0.1,
        num_steps=10,
        through=through,
        num_samples=number,
        progress=False,
    )
    before, after = found.before.scores, found.after.scores
    numbers = [part[s] for s in ("accuracy", "entropy") for part in (before, after)]
    rows.append((name, "-" if name == "twin" else through, *numbers))
columns = ("fit", "attacked", "accuracy", "after", "entropy, nats", "after it")
print(Table(columns, rows))

# %% [markdown]
# After an attack through one draw, 78 % of the mean field's answers are right and 74 % of
# SGHMC's. Who stops there calls them robust, for the twin has 68 %. Through many draws it is
# 71 % and 64 %: **the sampler's posterior is no more robust than the twin**. The network at
# the mean of the weights is a good target in the mean field, and a bad one in SGHMC, whose
# draws do not lie around one point. The entropy rises by about half a nat in all fits: the
# attack is noticed, and by the twin as well.
#
# ### Exercise 3: how small can an attack be?
# A linear model says class A where 3 x₁ - 4 x₂ + b is positive. For our input this number is
# 2. How far must an attack be allowed to move each of the two pixels, so that it can reach
# zero?

# %%
my_radius = ...

check(strange_inputs.radius, my_radius)

# %% [markdown]
# ## Fooling images
# The other way round: noise is changed until one network calls it a digit with 99.6 %
# confidence. The network is one draw, and the other draws say what they see in it.

# %%
rows = []
for name, (posterior, number) in shown.items():
    patterns = stress.fooling(
        posterior, data, through="one", num_samples=number, progress=False
    )
    probs = patterns.evaluation.probs.gather(1, patterns.classes[:, None])
    entropy = patterns.evaluation.entropy.mean()
    rows.append((name, float(probs.min()), float(probs.mean()), float(entropy)))
columns = ("fit", "lowest probability of its class", "mean", "entropy, nats")
print(Table(columns, rows))
patterns.strip()
plt.show()

# %% [markdown]
# The twin is fooled by all ten patterns, and it is as sure as the attack has made it: 0.04 nats
# of entropy. For a posterior one draw is not all. With the others the patterns have a mean
# probability of 0.6, and more than a nat of entropy. Draws are not free of the illusion either:
# most of them see the same digit.
#
# ## Which weights does it need?
# Now the other question. For devices with little memory, weights are dropped: they become
# zero. Which? **Magnitude** drops the smallest means; the twin knows no more. **Signal to
# noise** drops the smallest |μ|/σ, the weights that may as well be zero. The talk by
# Romijnders (2019) drops those with the highest **density at zero**.
#
# ### Exercise 4: what does a dropped weight cost?
# A weight has the posterior N(μ, σ²). By how much does its log density fall, in nats, from
# the mean to zero? Write a function of means and standard deviations. The cell adds up what
# the cheapest weights of the mean field cost together, per training image.

# %%
my_cost = ...  # lambda mean, std: ...

if check(strange_inputs.cost, my_cost):
    costs = []
    for name, normal in mean_field.distributions().items():
        if name.endswith("weight"):
            costs.append(my_cost(normal.mean, normal.stddev).detach().flatten())
    cheapest = torch.cat(costs).sort().values
    for share in (0.75, 0.9, 1.0):
        total = cheapest[: int(share * len(cheapest))].sum() / len(data.train.y)
        print(f"{share:.0%} of the weights: {float(total):.2f} nats per image")

# %%
fractions = (0.0, 0.9) if SMOKE else (0.0, 0.5, 0.75, 0.9, 0.95, 0.98)
rules = {
    "magnitude": pruning.magnitude,
    "signal to noise": pruning.signal_to_noise,
    "density at zero": pruning.density_at_zero,
}
curves = {}
for name, (posterior, number) in fits.items():
    found = pruning.curve(
        posterior,
        data.test,
        rules=rules,
        fractions=fractions,
        num_samples=number,
        progress=False,
    )
    for rule, scores in found.scores.items():
        curves[name, rule] = scores

chosen = {
    ("twin", "magnitude"): "o-",
    ("mean field", "signal to noise"): "s-",
    ("mean field", "magnitude"): "s:",
    ("mean field, cold", "signal to noise"): "D--",
    ("SGHMC", "signal to noise"): "^-.",
}
figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
percent = [100 * fraction for fraction in fractions]
for key, style in chosen.items():
    axes[0].plot(percent, curves[key]["accuracy"], style, label=", ".join(key))
    axes[1].plot(percent, curves[key]["nll"], style)
axes[0].set(xlabel="weights dropped, %", ylabel="accuracy", ylim=(0, 1))
axes[1].set(xlabel="weights dropped, %", ylabel="NLL, nats")
axes[0].legend(frameon=False, fontsize="small")
plt.show()

rows = []
for (name, rule), scores in curves.items():
    if name != "twin" or rule == "magnitude":
        rows.append((name, rule, *scores["accuracy"]))
print(Table(("accuracy of", "rule", *(f"{p:g} %" for p in percent)), rows))

# %% [markdown]
# With **10 % of its weights** the mean field is right in 91 of 100 images, and the twin, which
# was ahead with all weights, in 71. Up to 75 % the mean field loses nothing, and its NLL even
# falls a little: the noise of these weights is gone. Here its independence pays. It was trained
# under noise of each weight alone, so it does not depend on single weights. The cold one was
# trained with less noise, and is right in 67 to 82.
#
# Which rule is of less weight than which fit. At 90 % the three rules have 89 to 91 in the mean
# field, which is within the noise. Signal to noise drops what costs the least, as exercise 4
# says, but at 95 % magnitude is ahead: the exercise knows no more than one weight at a time,
# and a normal around its mean.
#
# **The draws of the sampler suffer most**, and they are the nearest to the posterior. Half
# of the weights cost 2 to 17 points. Their moments are those of one weight over all draws, but
# in a single draw no weight is at zero: it is part of a sum, and the others make up for it.
# Costs add up only where weights are independent, as they are in the mean field. Which weights
# can go is a property of the approximation that you have fitted, not of the posterior.

# %%
small = zoo.prune(mean_field, fraction=0.9, rule=pruning.signal_to_noise)
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "posterior.safetensors"
    for name, each in (("all weights", mean_field), ("10 %", small)):
        each.save(path)
        print(f"{name}: {path.stat().st_size / 1e3:.0f} kB")

# %% [markdown]
# A pruned posterior samples, predicts, saves and loads like any other. Its file has 20 kB
# instead of 69. Zeros do not make a network faster, because they are still multiplied:
# `pruning.filter_norm` drops whole units, and `pruning.shrink` cuts them out.
#
# ## What would make this result wrong
# - **An easy problem.** With 360 images of 8 x 8 pixels one standard error of an accuracy of
#   95 % is 1 %, and of 70 % it is 2.4 %. Smaller differences are noise.
# - **One fit each.** Another seed gives another order of fits that are this close. Fit three.
# - **A twin that was not tuned.** Its weight decay is the prior here. Choose it on held-out
#   data before you say that a posterior is better.
# - **An attack that is too weak.** Through more draws and in more steps it does more harm.
#   A posterior is robust if nobody finds an attack, not if ours failed.
# - **Strange inputs of your choice.** Negatives differ from digits in their mean brightness
#   alone, which a histogram would notice too. Ask which inputs will come, and take those.
# - **A prior of another width.** It decides how wide the weights are that the data leave open,
#   and so the epistemic part far from the data, and the order of pruning.
# - **Fine-tuning.** A pruned network is usually trained again, and the order of the rules may
#   change.
#
# ## Further reading
# - Ovadia et al. (2019), *Can You Trust Your Model's Uncertainty?*; Hendrycks and Dietterich
#   (2019), *Benchmarking Neural Network Robustness to Common Corruptions*: `zoo reproduce
#   corrupt-mnist`.
# - Nguyen, Yosinski, Clune (2015), *Deep Neural Networks are Easily Fooled*; Athalye, Carlini,
#   Wagner (2018), *Obfuscated Gradients Give a False Sense of Security*; Smith and Gal (2018),
#   *Understanding Measures of Uncertainty for Adversarial Example Detection*.
# - Leibig et al. (2017), *Leveraging uncertainty information from deep neural networks for
#   disease detection*, on referral. `zoo reproduce ood-mnist` is about other images.
# - Izmailov et al. (2021), *Dangers of Bayesian Model Averaging under Covariate Shift*: why
#   a good posterior can be worse than its twin on corrupted images.
# - Blundell et al. (2015), *Weight Uncertainty in Neural Networks*, and Romijnders (2019),
#   *Bayesian deep learning with 10 % of the weights*, a talk: `zoo reproduce prune-mnist`.
