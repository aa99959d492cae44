# %% [markdown]
# # Spoiled inputs
#
# *When an image is turned, drowned in noise, attacked, or no digit at all: does the
# network notice?* A posterior is asked the same questions as its twin, the single best
# network. What counts is not that both go wrong, but whether doubt grows as accuracy
# falls. N images, S draws. After Romijnders (2019), Ovadia et al. (2019), and Nguyen et
# al. (2015).

# %%
import os
from functools import partial

import matplotlib.pyplot as plt
import pyro
import pyro.distributions as dist
import torch
import torch.nn.functional as F

import guides
import zoo
from zoo import datasets, inference, likelihoods, networks, plots, priors, stress
from zoo.datasets import Dataset, Split

SMOKE = "SMOKE" in os.environ  # shortens the loops, changes nothing else
STEPS, DRAWS, IMAGES = (20, 4, 40) if SMOKE else (1500, 20, 360)
pyro.set_rng_seed(0)

# %% [markdown]
# ## A posterior and its twin scikit-learn's digits, doubled to 16x16 pixels for
# LeNet-5. Pixels lie between 0 and 1, which is what transforms expect; a data set that
# is standardised (`x_units`) is restored for them and standardised again.

# %%
digits = datasets.digits()
train, test = (
    Split(F.interpolate(x, scale_factor=2, mode="bilinear").clamp(0, 1), y)
    for x, y in (digits.train, digits.test)
)
data = Dataset("digits, 16x16", train, Split(test.x[:IMAGES], test.y[:IMAGES]))
network = networks.LeNet5(10, image_size=16)
model = zoo.BayesianNetwork(
    network, priors.WeightPrior(dist.Normal(0.0, 0.3)), likelihoods.Categorical()
)


def fit(guide):
    decay = partial(torch.optim.lr_scheduler.CosineAnnealingLR, T_max=STEPS)
    engine = inference.SVI(
        model, guide, num_steps=STEPS, lr=3e-3, scheduler=decay, progress=False
    )
    return engine.fit(data.train, batch_size=128)


posteriors = {
    "posterior": (fit(guides.LocalReparam(model, init_scale=0.02)), DRAWS),
    "twin": (fit(guides.Delta(model)), 1),
}

# %% [markdown]
# ## Turned One call for each, one picture for both. Up to 30 degrees doubt grows as
# accuracy falls, and that of the posterior more; the dashed part of it is epistemic:
# draws that contradict one another. Beyond 45 degrees both grow sure again, and are
# wrong: a digit on its side looks like another digit, and nothing in the data says that
# it might be turned.

# %%
turned = {
    name: stress.severity(
        each,
        data,
        stress.rotation,
        (15, 30, 45, 60, 75, 90),
        num_samples=draws,
        progress=False,
    )
    for name, (each, draws) in posteriors.items()
}
print(turned["posterior"])
severities = turned["posterior"].severities
plots.severity(
    severities,
    {name: found.scores for name, found in turned.items()},
    xlabel="rotation, degrees",
)
turned["posterior"].strip(index=3)
turned["posterior"].reliability()
plt.show()

# %% [markdown]
# ## Corrupted
# Four of the usual families at five severities; without `families` it is all of them.

# %%
families = (
    stress.gaussian_noise,
    stress.defocus_blur,
    stress.contrast,
    stress.pixelate,
)
corrupted = {
    name: stress.corruptions(
        each, data, families=families, num_samples=draws, progress=False
    )
    for name, (each, draws) in posteriors.items()
}
print(corrupted["posterior"])
print({name: f"mean error {found.mean_error:.3f}" for name, found in corrupted.items()})

# %% [markdown]
# ## Attacked Projected gradient ascent inside a box round each image. Against the
# posterior the gradient is of many draws at once, and other draws judge. An attack on
# one draw does a good deal less harm than one on many: look at both before you say that
# a posterior is robust. Whatever is left of accuracy, the posterior's entropy rises
# more than the twin's.

# %%
for name, (each, draws) in posteriors.items():
    for through in ("draws", "one", "mean") if name == "posterior" else ("draws",):
        found = stress.pgd(
            each,
            data,
            radius=0.1,
            num_steps=10,
            through=through,
            num_samples=draws,
            progress=False,
        )
        before, after = found.before.scores, found.after.scores
        print(f"{name}, through {through}: accuracy {before['accuracy']:.3f} to {after['accuracy']:.3f}, "
              f"entropy {before['entropy']:.2f} to {after['entropy']:.2f} nats")  # fmt: skip

# %% [markdown]
# ## Fooled Noise that is pushed up the gradient until one network says a class with
# 99.6 % confidence. What does the posterior say of a pattern that fools one of its
# draws?

# %%
patterns = stress.fooling(
    posteriors["posterior"][0], data, num_samples=DRAWS, through="one", progress=False
)
print(patterns)
patterns.strip()
plt.show()

# %% [markdown]
# ## No digit at all Digits upside down and in negative are no digits: is the posterior
# less certain there? The area under the curve (AUROC) is the chance that it is less
# certain of a random one of them than of a random digit.

# %%
negative = 1 - data.test.x.flip(-2)
for name, (each, draws) in posteriors.items():
    print(
        name,
        stress.out_of_distribution(each, data.test.x, negative, num_samples=draws),
        sep="\n",
    )

# %% [markdown]
# ## Asked for help The most uncertain images go to a human. If uncertainty means
# anything, what is kept is more often right.

# %%
referred = stress.referral(
    posteriors["posterior"][0], data, fractions=(0.0, 0.05, 0.1, 0.2), num_samples=DRAWS
)
print(referred)
referred.plot()
plt.show()

# %% [markdown]
# ## What would make this result wrong
# - **A twin that is not as accurate.** A network that is wrong more often is also uncertain more often. Compare doubt
#   at equal accuracy.
# - **An attack that was too weak.** A posterior seems robust when the attacker sees one draw. Attack through many, with
#   more steps, before you believe it.
# - **One kind of strangeness.** Negatives are easy to tell from digits by their mean brightness alone. A posterior that
#   passes here may fail on letters.
# - **Noise.** Among 360 images one standard error of an accuracy of one half is 2.6 %.
# - **One seed.** Fit three times, and see whether the curves stay apart.
