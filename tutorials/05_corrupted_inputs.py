# %% [markdown]
# # Corrupted inputs
#
# *An image is rotated, noisy, attacked, or not a digit at all: does the network notice?* A
# posterior is compared with its MAP twin, the single best network. Both are wrong more often
# on such images. The question is whether the uncertainty grows as the accuracy falls.
# Shapes: N images, S draws. After Romijnders (2019), Ovadia et al. (2019), and Nguyen et al.
# (2015).

# %%
import math
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
NUM_STEPS = 20 if SMOKE else 1500
NUM_SAMPLES = 4 if SMOKE else 20
NUM_IMAGES = 40 if SMOKE else 360

pyro.set_rng_seed(0)

# %% [markdown]
# ## A posterior and its MAP twin
# The data are scikit-learn's digits, enlarged to 16x16 pixels for LeNet-5. The pixels lie
# between 0 and 1, as the corruptions expect. A data set that is standardised (`x_units`) is
# converted to pixels for them, and standardised again.

# %%
digits = datasets.digits()


def enlarge(part):
    x = F.interpolate(part.x, scale_factor=2, mode="bilinear")
    x = x.clamp(0, 1)

    return Split(x, part.y)


train = enlarge(digits.train)
test = enlarge(digits.test)
data = Dataset("digits, 16x16", train, Split(test.x[:NUM_IMAGES], test.y[:NUM_IMAGES]))

network = networks.LeNet5(10, image_size=16)
prior = priors.WeightPrior(dist.Normal(0.0, 0.3))
model = zoo.BayesianNetwork(network, prior, likelihoods.Categorical())


def fit(guide):
    decay = partial(torch.optim.lr_scheduler.CosineAnnealingLR, T_max=NUM_STEPS)
    engine = inference.SVI(
        model,
        guide,
        num_steps=NUM_STEPS,
        lr=3e-3,
        scheduler=decay,
        progress=False,
    )
    return engine.fit(data.train, batch_size=128)


posterior = fit(guides.LocalReparam(model, init_scale=0.02))
twin = fit(guides.Delta(model))

bound = posterior.bound(data.train)  # on the evidence, nats per image; lower is better
kind = posterior.info.fit_kind or "not judged"
print(f"posterior: bound {bound}, {kind}; without training {math.log(10):.2f}")
print("twin: no bound, because it is a point estimate")
fits = {"posterior": (posterior, NUM_SAMPLES), "twin": (twin, 1)}

# %% [markdown]
# ## Rotated images
# Up to 30 degrees, the uncertainty grows as the accuracy falls, and more so for the
# posterior. The dashed part is its epistemic uncertainty: draws that disagree. Beyond 45
# degrees both fits become sure again, and are wrong. A digit on its side looks like another
# digit, and nothing in the data says that digits may be rotated.

# %%
rotated = {}
for name, (each, num_samples) in fits.items():
    rotated[name] = stress.severity(
        each,
        data,
        stress.rotation,
        (15, 30, 45, 60, 75, 90),
        num_samples=num_samples,
        progress=False,
    )
print(rotated["posterior"])

scores = {name: found.scores for name, found in rotated.items()}
severities = rotated["posterior"].severities
plots.severity(severities, scores, xlabel="rotation, degrees")
rotated["posterior"].strip(index=3)
rotated["posterior"].reliability()
plt.show()

# %% [markdown]
# ## Corrupted images
# These are four of the usual families, at five severities. Omit `families` to use all of
# them.

# %%
families = (
    stress.gaussian_noise,
    stress.defocus_blur,
    stress.contrast,
    stress.pixelate,
)
corrupted = {}
for name, (each, num_samples) in fits.items():
    corrupted[name] = stress.corruptions(
        each, data, families=families, num_samples=num_samples, progress=False
    )

print(corrupted["posterior"])
for name, found in corrupted.items():
    print(f"{name}: mean error {found.mean_error:.3f}")

# %% [markdown]
# ## Attacked images
# The attack is projected gradient ascent inside a box around each image. Against the
# posterior, the gradient is that of many draws, and the attack is evaluated with other
# draws. An attack on one draw does much less harm than an attack on many: look at both
# before you say that a posterior is robust. Whatever accuracy is left, the entropy of the
# posterior, in nats, rises more than that of the twin.


# %%
def attack(name, through):
    each, num_samples = fits[name]
    found = stress.pgd(
        each,
        data,
        radius=0.1,
        num_steps=10,
        through=through,
        num_samples=num_samples,
        progress=False,
    )

    print(f"{name}, through {through}:")
    for score in ("accuracy", "entropy"):
        before = found.before.scores[score]
        after = found.after.scores[score]
        print(f"  {score} {before:.3f} to {after:.3f}")


attack("posterior", through="draws")
attack("posterior", through="one")
attack("posterior", through="mean")
attack("twin", through="draws")

# %% [markdown]
# ## Fooling images
# Noise is changed by gradient ascent until one network predicts a class with 99.6 %
# confidence. What does the posterior say about a pattern that fools one of its draws?

# %%
patterns = stress.fooling(
    posterior, data, through="one", num_samples=NUM_SAMPLES, progress=False
)
print(patterns)
patterns.strip()
plt.show()

# %% [markdown]
# ## Images that are no digits
# Digits upside down and in negative are no digits: is the posterior less certain there? The
# area under the curve (AUROC) is the chance that it is less certain about a random one of
# these images than about a random digit.

# %%
negative = 1 - data.test.x.flip(-2)
for name, (each, num_samples) in fits.items():
    found = stress.out_of_distribution(
        each, data.test.x, negative, num_samples=num_samples
    )
    print(name)
    print(found)

# %% [markdown]
# ## Referral to a human
# The most uncertain images are referred to a human. If the uncertainty is useful, the
# predictions for the other images are right more often.

# %%
referred = stress.referral(
    posterior, data, fractions=(0.0, 0.05, 0.1, 0.2), num_samples=NUM_SAMPLES
)
print(referred)
referred.plot()
plt.show()

# %% [markdown]
# ## What would make this result wrong
# - **A twin that is less accurate.** A network that is wrong more often is also uncertain
#   more often. Compare the uncertainty at equal accuracy.
# - **An attack that is too weak.** A posterior seems robust if the attack uses one draw.
#   Attack through many draws, with more steps, before you believe it.
# - **One kind of other images.** Negatives differ from digits in their mean brightness
#   alone. A posterior that notices them may not notice letters.
# - **Noise.** With 360 images, one standard error of an accuracy of one half is 2.6 %.
# - **One seed.** Fit three times, and see whether the curves still differ.
