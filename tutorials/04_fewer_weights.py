# %% [markdown]
# # Keeping a quarter of the weights
#
# *Which weights can a network do without, and what does a posterior know about that?* A
# weight that was never needed stays where its prior put it: it is zero give or take its
# own width. So the posterior says which weights may go, and how sure it is. N images, O
# classes, S draws. This is Romijnders (2019) and Blundell et al. (2015) in small.

# %%
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
STEPS, DRAWS = (40, 4) if SMOKE else (4000, 20)
FRACTIONS = (0.0, 0.9, 0.98) if SMOKE else (0.0, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99)
pyro.set_rng_seed(0)

# %% [markdown]
# ## A posterior and its twin The same network twice: once with a distribution over its
# 26,122 weights, once with a single best value for each under the same prior. Both are
# fitted for the same number of steps.

# %%
data = datasets.digits()
network = torch.nn.Sequential(
    torch.nn.Flatten(), networks.MLP(64, 10, hidden=[128, 128])
)
model = zoo.BayesianNetwork(
    network, priors.WeightPrior(dist.Normal(0.0, 1.0)), likelihoods.Categorical()
)


def fit(guide):
    decay = partial(torch.optim.lr_scheduler.CosineAnnealingLR, T_max=STEPS)
    engine = inference.SVI(
        model, guide, num_steps=STEPS, lr=3e-3, scheduler=decay, progress=False
    )
    return engine.fit(data.train, batch_size=128)


posterior = fit(guides.LocalReparam(model, init_scale=0.02))
twin = fit(guides.Delta(model))
print(model.summary())

# %% [markdown]
# ## Train, prune, predict Pruning is one line, for devices with little memory. The
# pruned posterior samples, predicts, saves and loads like any other, and its file holds
# only what is left.

# %%
small = zoo.prune(posterior, fraction=0.75, rule=pruning.signal_to_noise)
mean, uncertainty = small.predict(data.test.x, num_samples=DRAWS)  # (N, O), (N,)
with tempfile.TemporaryDirectory() as folder:
    sizes = {}
    for name, each in (("all weights", posterior), ("a quarter", small)):
        path = Path(folder) / "posterior.safetensors"
        each.save(path)
        sizes[name] = path.stat().st_size
print({name: f"{size / 1e3:.0f} kB" for name, size in sizes.items()})

# %% [markdown]
# ## Who knows best what to drop? Rules that read the posterior's means and widths,
# beside the twin's only one: the size of a weight. By signal to noise three quarters go
# for one image in a hundred, and the negative log likelihood (NLL, nats per image) even
# falls: what goes is noise. `density_at_zero` asks another question. It drops what is
# surely zero and keeps what is wide, which under a wide prior is the noise; where most
# weights are surely zero the two agree. The twin has one number for each weight; it
# keeps its accuracy about as long, and collapses earlier once it falls.

# %%
curves = pruning.curve(
    posterior, data.test, fractions=FRACTIONS, num_samples=DRAWS, progress=False
)
alone = pruning.curve(
    twin, data.test, {"magnitude": pruning.magnitude}, FRACTIONS, 1, progress=False
)
print(Table(("rule", "dropped", "accuracy", "nll", "ece"), [
    *((f"posterior, {row[0]}", *row[1:]) for row in curves.table.rows),
    *((f"twin, {row[0]}", *row[1:]) for row in alone.table.rows),
]))  # fmt: skip
figure, axes = plt.subplots(1, 2, figsize=(12, 4.2), layout="constrained")
for ax, score in zip(axes, ("accuracy", "nll"), strict=True):
    lines = {
        f"posterior, {rule}": found[score] for rule, found in curves.scores.items()
    }
    plots.pruning(
        FRACTIONS,
        lines | {"twin, magnitude": alone.scores["magnitude"][score]},
        ylabel=score,
        ax=ax,
    )
plt.show()

# %% [markdown]
# ## Zeros are not speed A weight that is zero is multiplied all the same. To be faster
# a network must lose whole units: `filter_norm` drops all weights of an output
# together, and `pruning.shrink` then takes it out of the network.

# %%
half = zoo.prune(posterior, fraction=0.5, rule=pruning.filter_norm, per_layer=True)
try:
    narrow = pruning.shrink(half, data.test.x)
    print(
        {
            name: tuple(shape)
            for name, shape in narrow.shapes.items()
            if name.endswith("weight")
        }
    )
except (
    ImportError
) as error:  # what finds which layer follows which is an optional extra
    print(error)

# %% [markdown]
# ## What would make this result wrong
# - **An easy problem.** Digits of 8x8 pixels need few weights by any rule. Where the curves are flat they say nothing
#   about the rules; look at where they fall.
# - **A twin that was not tuned.** Its weight decay is the prior here. Choose it on held-out data before you say that
#   the posterior prunes better.
# - **A fit that has not converged.** Early in a fit the widths are still what they were at the start, and then
#   `density_at_zero` and `signal_to_noise` are `magnitude` by another name. Fit longer,
# and see whether they part.
# - **Noise.** Among 360 images one standard error of the accuracy is 1 %.
# - **Fine-tuning.** Nobody retrained after pruning here; in practice one does, and the order of the rules may change.
