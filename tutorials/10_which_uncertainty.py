# %% [markdown]
# # Which uncertainty can more data remove?
#
# *A prediction is uncertain. Should we collect more data, ask a person, or leave it?* There
# are two kinds of uncertainty, and only one of them falls with data. This lesson begins with
# a coin, where both are known exactly. Then it makes both by hand in images of digits, and
# uses the difference to ask for labels. Shapes: S draws, N data, O classes.
#
# **You will learn**
# - how the entropy of a prediction divides into an aleatoric and an epistemic part, in nats;
# - which part more data remove, and how fast;
# - why noise in labels and rare classes look alike in a prediction, and how to tell them apart;
# - why active learning by entropy asks for coin tosses, and BALD for what can be learned;
# - when an answer is worth its price.
#
# There are four exercises. Replace the dots, and run the cell: it says what is wrong with
# your answer. The [answers](answers/10_which_uncertainty.py) are in a file of their own.

# %%
import math
import os
from pathlib import Path

import matplotlib.pyplot as plt
import pyro
import pyro.distributions as dist
import torch
from torch import nn

import zoo
from zoo import acquisition, datasets, inference, likelihoods, networks, priors
from zoo.course import check, uncertainty
from zoo.datasets import Split
from zoo.reports.table import Table

SMOKE = "SMOKE" in os.environ  # shortens the loops, changes nothing else
NUM_STEPS = 40 if SMOKE else 1500
CAMVID = Path(os.environ.get("CAMVID", "data/camvid"))

pyro.set_rng_seed(0)


def entropy(probs):
    """Return the entropy of probabilities (..., O) in nats."""
    return torch.special.entr(probs).sum(-1)


# %% [markdown]
# ## A coin
# A coin shows heads with probability θ, which we do not know. Before the first toss every θ
# is as probable, and after h heads in n tosses its posterior is Beta(1 + h, 1 + n - h). The
# next toss is uncertain for two reasons: θ is unknown, and it is a toss.
#
# total = entropy of the predicted toss = **aleatoric** + **epistemic**,
#
# aleatoric = the entropy of a toss of known θ, averaged over θ; epistemic = the rest, the
# mutual information of toss and θ. All are in closed form.


# %%
def coin(heads, tosses):
    """Return total and aleatoric uncertainty of the next toss, in nats."""
    a, b = 1 + heads, 1 + tosses - heads
    p = a / (a + b)
    total = entropy(torch.stack([p, 1 - p], -1))
    known = torch.digamma(a + b + 1)
    aleatoric = p * (known - torch.digamma(a + 1))
    aleatoric = aleatoric + (1 - p) * (known - torch.digamma(b + 1))

    return total, aleatoric


tosses = torch.logspace(0, 4, 50).round().double()
figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
for theta, style in ((0.5, "C0-"), (0.95, "C1--")):
    total, aleatoric = coin(theta * tosses, tosses)
    axes[0].plot(tosses, aleatoric, style, label=f"θ = {theta}")
    axes[1].plot(tosses, total - aleatoric, style)
axes[1].plot(tosses, 1 / (2 * tosses), "k:", label="1 / 2n")
axes[0].set(title="aleatoric, nats", xscale="log", xlabel="tosses")
axes[1].set(title="epistemic, nats", xscale="log", yscale="log", xlabel="tosses")
for ax in axes:
    ax.legend(frameon=False)
plt.show()

# %% [markdown]
# More tosses do not make a fair coin more predictable. Its aleatoric uncertainty goes to
# ln 2 = 0.693 nats, that of the other coin to 0.199. The epistemic part falls as 1/(2n) for
# both. With P unknown numbers it would fall as P/(2n).
#
# ### Exercise 1: by hand
# Three draws of a posterior say that a coin shows heads with probability 0.2, 0.5 and 0.8.
# How large is the epistemic uncertainty of the next toss, in nats?

# %%
my_epistemic = ...

check(uncertainty.coin, my_epistemic)

# %% [markdown]
# ## Both kinds in images
# Now a network, and images of digits of 8 x 8 pixels. We make two kinds of difficult inputs.
# - **Blends**: the average of a 3 and an 8, whose label is tossed. Nobody can know it, ever.
# - A **rare class**: of the 5 there are few examples.
#
# The training sets grow. Every set has one blend to five images, and the number of 5s grows
# from one to all. The posterior is by SGHMC, a sampler (its four chains begin at a mode), under
# a prior N(0, 1).

# %%
data = datasets.digits(flatten=True)
RARE, PAIR = 5, (3, 8)
RANDOM = torch.Generator().manual_seed(0)


def blends(part, number):
    """Return averages of a 3 and an 8, with labels that are tossed."""
    halves = []
    for label in PAIR:
        own = part.x[part.y == label]
        halves.append(own[torch.randint(len(own), (number,), generator=RANDOM)])
    tossed = torch.randint(2, (number,), generator=RANDOM)
    return Split((halves[0] + halves[1]) / 2, torch.tensor(PAIR)[tossed])


def joined(*parts):
    return Split(torch.cat([part.x for part in parts]), torch.cat([p.y for p in parts]))


def training_set(number, num_rare):
    """Return images of other digits, some 5s, and blends."""
    order = torch.randperm(len(data.train.y), generator=torch.manual_seed(1))
    is_rare = data.train.y[order] == RARE
    rows = torch.cat([order[~is_rare][:number], order[is_rare][:num_rare]])
    return joined(data.train.take(rows), blends(data.train, number // 5))


def fit(part, num_steps):
    """Return draws of the posterior of a small network."""
    pyro.set_rng_seed(0)
    prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
    classes = max(10, int(part.y.max()) + 1)
    network = networks.MLP(part.x.shape[1], classes, hidden=[50])
    model = zoo.BayesianNetwork(network, prior, likelihoods.Categorical())
    batches = math.ceil(len(part.y) / 128)
    engine = inference.SGHMC(
        model,
        num_epochs=max(4, num_steps // batches),
        num_chains=4,
        init="network" if SMOKE else "map",
        max_draws=60,
        progress=False,
    )
    return engine.fit(part, batch_size=128)


is_rare = data.test.y == RARE
tests = {
    "blends": blends(data.test, 100),
    "rare class": data.test.take(is_rare),
    "other digits": data.test.take(~is_rare),
}
SIZES = ((100, 1), (300, 4), (900, 16), (1250, 130))[: 2 if SMOKE else 4]
found = {name: [] for name in tests}
posteriors, predictions = [], []
for number, num_rare in SIZES:
    posterior = fit(training_set(number, num_rare), NUM_STEPS)
    posteriors.append(posterior)
    predictions.append({n: posterior.predict(part.x) for n, part in tests.items()})
    for name, prediction in predictions[-1].items():
        parts = prediction.aleatoric.mean(), prediction.epistemic.mean()
        found[name].append([float(part) for part in parts])

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained", sharey=True)
for column, title in enumerate(("aleatoric, nats", "epistemic, nats")):
    ax = axes[column]
    for (name, values), marker in zip(found.items(), "os^", strict=True):
        numbers = [number for number, _ in SIZES]
        ax.plot(numbers, [pair[column] for pair in values], marker=marker, label=name)
    ax.axhline(math.log(2), color="grey", linestyle=":", linewidth=0.8)
    ax.set(title=title, xscale="log", xlabel="training images")
axes[1].legend(frameon=False)
plt.show()

rows = []
for name, values in found.items():
    for (number, num_rare), pair in zip(SIZES, values, strict=True):
        rows.append((name, number, num_rare, *pair))
print(Table(("test images", "images", "5s", "aleatoric", "epistemic"), rows))

# %% [markdown]
# With few data the epistemic part is large everywhere. With all of them the blends have 0.69
# nats of aleatoric uncertainty, which is the ln 2 of their coin (the dotted line), and their
# epistemic uncertainty is that of any other digit. The rare class had the most epistemic
# uncertainty of all, and with its 130 examples it has lost it. The total does not tell the two
# kinds apart: with 16 examples of the 5, images of it have 1.1 nats and blends 0.8. **Only the
# division says for which of them labels help.**
#
# Aleatoric uncertainty is estimated too. With one example of the 5 the network does not know
# that there is no coin in it: a part of the 0.6 nats that it calls aleatoric goes away later.
#
# ### Exercise 2: the best NLL
# Another team says that with a million images its network will have an NLL of less than b
# nats on blends. Below which b can nobody get, on average?

# %%
my_bound = ...

check(uncertainty.lowest_nll, my_bound)

# %% [markdown]
# ### Exercise 3: the division
# Write it as a function of the class probabilities of every draw, (S, N, O), which are
# `prediction.functions`: return the share of the total that is epistemic, (N,).

# %%
my_share = ...  # lambda functions: ...

check(uncertainty.share, my_share)

# %% [markdown]
# ## Which labels to ask for
# Labels cost something. We have 900 images and sixteen 5s, and may ask for 100 labels more.
# They are in a pool of 300 blends, 30 more 5s and 300 images of other digits. Three rules:
# the highest entropy, the highest mutual information of label and weights (BALD, the
# epistemic part), and random choice. What do they ask for?

# %%
known = training_set(*SIZES[-2])
shuffled = torch.randperm(len(data.train.y), generator=torch.manual_seed(1))
of_rare = data.train.y[shuffled] == RARE
fives = data.train.take(shuffled[of_rare][16:46])
others = data.train.take(shuffled[~of_rare][900:1200])
coins = blends(data.train, 300)
source = joined(known, coins, fives, others)
kind = torch.tensor([0] * 300 + [1] * len(fives.y) + [2] * len(others.y))

rules = {
    "entropy": acquisition.max_entropy,
    "BALD": acquisition.bald,
    "random": acquisition.random,
}
rows = []
for name, rule in rules.items():
    torch.manual_seed(0)
    pool = acquisition.Pool(source, labelled=torch.arange(len(known.y)))
    asked = pool.label(rule(posteriors[-2].predict(pool.candidates)), 100)
    counts = kind[asked - len(known.y)].bincount(minlength=3).tolist()
    prediction = fit(pool.labelled, NUM_STEPS).predict(data.test.x)
    wrong = (prediction.probs.argmax(-1) != data.test.y).double()
    rows.append((name, *counts, float(wrong[is_rare].mean()), float(wrong.mean())))
columns = ("rule", "blends", "5s", "others", "error of 5s afterwards", "error")
print(Table(columns, rows))

# %% [markdown]
# Entropy asks 46 times how a coin falls, which teaches nothing. BALD does so 10 times: most
# of its labels are of 5s and of difficult digits. Random choice finds one 5 among so many
# others, and three times as many of them stay wrong. Here both rules of uncertainty end at
# the same error, for both have found the 5s. The 36 labels that entropy has wasted are the
# difference, and where labels are dear or most of the pool is noise, it is a large one.
#
# ### Exercise 4: what is an answer worth?
# A person can be asked instead. She knows the right network: the draws say what it may be.
# She sees the same images, and cannot know how a coin falls. A wrong answer costs 1, and
# asking costs 0.2. Return for which inputs she should be asked, (N,) booleans, from
# the probabilities of every draw, (S, N, O). (Hint: how often is the network right alone?
# How often is she, if draw s is the truth?)

# %%
my_ask = ...  # lambda functions: ...

check(uncertainty.asking, my_ask)

# %% [markdown]
# ## Borders and rare classes of a street
# In CamVid every pixel of a street scene has a class. At a border of two things a pixel has
# a bit of both, and where people draw the line is chance: more images do not help. Poles,
# signs, pedestrians and bicyclists are rare: more images would. We classify pixels by their
# place and the 7 x 7 pixels around them, with the same small network, from 1,000 pixels and
# from 16,000.

# %%
RARE_PIXELS = torch.tensor([2, 6, 9, 10])  # pole, sign, pedestrian, bicyclist
VOID = 11


def at_border(y):
    """Return which pixels (N, H, W) have a neighbour of another class."""
    y = y.float().unsqueeze(1)
    largest = nn.functional.max_pool2d(y, 3, stride=1, padding=1)
    smallest = -nn.functional.max_pool2d(-y, 3, stride=1, padding=1)
    return (largest != smallest).squeeze(1)


def pixels(part, number):
    """Return features and classes of pixels drawn at random, and which are at a border."""
    x, y = part
    rows = (
        torch.linspace(-2, 2, y.shape[1])
        .reshape(1, 1, -1, 1)
        .expand(len(y), 1, *y.shape[1:])
    )
    columns = torch.linspace(-2, 2, y.shape[2]).expand(len(y), 1, *y.shape[1:])
    around = nn.functional.unfold(x, 7, padding=3)  # (N, 147, H W)
    place = torch.cat([rows, columns], 1).flatten(2)
    features = torch.cat([around, place], 1).movedim(1, -1).flatten(0, 1)
    known = (y != VOID).flatten().nonzero().squeeze(-1)
    chosen = known[torch.randperm(len(known), generator=RANDOM)[:number]]

    return Split(features[chosen], y.flatten()[chosen]), at_border(y).flatten()[chosen]


def streets():
    """Return error and both uncertainties by kind of pixel and number of pixels."""
    scenes = datasets.camvid(CAMVID, size=(45, 60), num_images=60)
    part, border = pixels(scenes.test, 5_000)
    rare = torch.isin(part.y, RARE_PIXELS)
    kinds = {
        "at a border": border & ~rare,
        "rare class": rare,
        "inside": ~border & ~rare,
    }
    rows = []
    for number in (1_000, 16_000):
        train, _ = pixels(scenes.train, number)
        prediction = fit(train, NUM_STEPS).predict(part.x)
        for name, chosen in kinds.items():
            wrong = (prediction.probs.argmax(-1) != part.y)[chosen].double().mean()
            aleatoric = float(prediction.aleatoric[chosen].mean())
            epistemic = float(prediction.epistemic[chosen].mean())
            rows.append((name, number, float(wrong), aleatoric, epistemic))
    return sorted(rows)


if CAMVID.is_dir():
    columns = ("pixels", "training pixels", "error", "aleatoric", "epistemic")
    print(Table(columns, streets()))
else:
    print(f"{CAMVID} is absent: this part needs CamVid, see datasets.camvid")

# %% [markdown]
# With sixteen times the pixels the epistemic part falls to less than half everywhere: from
# 0.41 to 0.15 nats at borders, from 0.40 to 0.15 in the rare classes, and from 0.21 to 0.08
# inside. The aleatoric part does not fall, it grows: some of it had been called epistemic. It
# is largest where borders and rare classes are.
#
# And yet all of the rare pixels stay wrong. The network has learned how little it can see: a
# pole is thinner than a pixel of such a small image, and so almost all of it is border. What
# it calls aleatoric here is a property of 7 x 7 pixels. More of them would not help. Larger
# images and a network that looks further would: that is `zoo reproduce segnet-camvid`.

# %% [markdown]
# ## What would make this result wrong
# - **A wrong posterior.** The division is the model's. Draws that agree too much (a narrow
#   mean field, dropout at a small rate) call everything aleatoric.
#   [How far is my guide from the truth?](07_how_close_is_your_guide.py) tests that.
# - **A wrong model.** What a network cannot express it calls noise. More data do not remove
#   it, a larger network does: aleatoric is what is left *under this model and these inputs*.
#   Another sensor can remove it as well.
# - **Noise that depends on who labels.** Blends had one fair coin. People's errors differ
#   (CIFAR-10H has 51 answers for each image), and a person who is asked may be one of them.
# - **A test set like the training set.** Inputs of another kind may have little of both:
#   see [does it notice strange inputs?](11_strange_inputs.py).
# - **One seed and one round.** The errors after active learning differ by a point from seed
#   to seed. Repeat it before you believe an order: `zoo reproduce active-mnist` does.
#
# ## Further reading
# - Houlsby et al. (2011), *Bayesian Active Learning for Classification and Preference
#   Learning*; Gal, Islam, Ghahramani (2017), *Deep Bayesian Active Learning with Image Data*.
# - Kendall and Gal (2017), *What Uncertainties Do We Need in Bayesian Deep Learning for
#   Computer Vision?*; Depeweg et al. (2018), *Decomposition of Uncertainty in Bayesian Deep
#   Learning*.
# - Raiffa and Schlaifer (1961), *Applied Statistical Decision Theory*, on the value of
#   information.
# - `zoo reproduce long-tail` asks whether epistemic uncertainty marks rare classes of MNIST,
#   CIFAR-10 and heart beats.
