# %% [markdown]
# # Keeping a quarter of the weights
#
# *Which weights can a network do without, and what does a posterior know about that?* If a
# weight was never needed, its posterior stays near its prior: zero, with a wide standard
# deviation. So the posterior says which weights can be dropped, and how sure it is. Shapes:
# N images, O classes, S draws. This is Romijnders (2019) and Blundell et al. (2015) on a
# small scale.

# %%
import math
import os
import tempfile
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import pyro
import pyro.distributions as dist
import torch

import guides
import zoo
from zoo import datasets, inference, likelihoods, networks, plots, priors, pruning
from zoo.reports.table import Table

SMOKE = "SMOKE" in os.environ  # shortens the loops, changes nothing else
NUM_STEPS = 40 if SMOKE else 4000
NUM_SAMPLES = 4 if SMOKE else 20
FRACTIONS = (0.0, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99)
if SMOKE:
    FRACTIONS = (0.0, 0.9, 0.98)

pyro.set_rng_seed(0)

# %% [markdown]
# ## A posterior and its MAP twin
# The same network is fitted twice: once with a distribution over its 26,122 weights, and
# once with a single best value for each weight, under the same prior (MAP). Both fits have
# the same number of steps. The bound on the evidence says how well the posterior describes
# the training images, in nats per image. Under a prior as wide as this one it is worse than
# a guess (ln 10), even at its optimum: most weights are noise, and pruning finds them.

# %%
data = datasets.digits()
mlp = networks.MLP(64, 10, hidden=[128, 128])
network = torch.nn.Sequential(torch.nn.Flatten(), mlp)
prior = priors.WeightPrior(dist.Normal(0.0, 1.0))
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
print(model.summary())

# %% [markdown]
# ## Train, prune, predict
# Pruning is one line, for devices with little memory. The pruned posterior samples,
# predicts, saves and loads like any other, and its file holds only the weights that are
# left.

# %%
small = zoo.prune(posterior, fraction=0.75, rule=pruning.signal_to_noise)
mean, uncertainty = small.predict(data.test.x, num_samples=NUM_SAMPLES)  # (N, O), (N,)

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "posterior.safetensors"
    for name, each in (("all weights", posterior), ("a quarter", small)):
        each.save(path)
        kilobytes = path.stat().st_size / 1e3
        print(f"{name}: {kilobytes:.0f} kB")

# %% [markdown]
# ## Which rule drops the right weights?
# Several rules use the means and the standard deviations of the posterior. The MAP twin has
# only the size of a weight. By signal to noise, three quarters of the weights can go for one
# more error in a hundred images, and the negative log likelihood (NLL, nats per image) even
# falls: these weights were noise. `density_at_zero` asks another question. It drops the
# weights that are surely zero and keeps the wide ones, which are the noise under a wide
# prior. If most weights are surely zero, the two rules agree. The twin keeps its accuracy
# about as long, but then falls earlier.

# %%
curves = pruning.curve(
    posterior,
    data.test,
    fractions=FRACTIONS,
    num_samples=NUM_SAMPLES,
    progress=False,
)
twin_curves = pruning.curve(
    twin,
    data.test,
    rules={"magnitude": pruning.magnitude},
    fractions=FRACTIONS,
    num_samples=1,
    progress=False,
)

rows = []
for rule, *values in curves.table.rows:
    rows.append((f"posterior, {rule}", *values))
for rule, *values in twin_curves.table.rows:
    rows.append((f"twin, {rule}", *values))
print(Table(("rule", "dropped", "accuracy", "nll", "ece"), rows))

# %%
figure, axes = plt.subplots(1, 2, figsize=(12, 4.2), layout="constrained")
for ax, score in zip(axes, ("accuracy", "nll"), strict=True):
    lines = {}
    for rule, scores in curves.scores.items():
        lines[f"posterior, {rule}"] = scores[score]
    lines["twin, magnitude"] = twin_curves.scores["magnitude"][score]
    plots.pruning(FRACTIONS, lines, ylabel=score, ax=ax)
plt.show()

# %% [markdown]
# ## Zeros do not make a network faster
# A weight that is zero is still multiplied. A network is faster only without whole units.
# `filter_norm` drops all weights of an output together, and `pruning.shrink` then removes
# the output from the network.

# %%
half = zoo.prune(posterior, fraction=0.5, rule=pruning.filter_norm, per_layer=True)
try:
    narrow = pruning.shrink(half, data.test.x)
    for name, shape in narrow.shapes.items():
        if name.endswith("weight"):
            print(f"{name}: {tuple(shape)}")
except ImportError as error:  # an optional extra finds which layer follows which
    print(error)

# %% [markdown]
# ## What would make this result wrong
# - **An easy problem.** Digits of 8x8 pixels need few weights by any rule. Where the curves
#   are flat, they say nothing about the rules. Look at where they fall.
# - **A twin that was not tuned.** Its weight decay is the prior here. Choose it on held-out
#   data before you say that the posterior prunes better.
# - **A fit that has not converged.** Early in a fit the standard deviations still have their
#   initial value, and then `density_at_zero` and `signal_to_noise` are the same as
#   `magnitude`. Fit longer, and see whether the rules differ.
# - **Noise.** With 360 images, one standard error of the accuracy is 1 %.
# - **Fine-tuning.** Here the network was not trained again after pruning. In practice it is,
#   and the order of the rules may change.
