# %% [markdown]
# # How close is your guide?
#
# *A variational posterior always looks plausible. How do you find out that it is wrong?*
# You compare it with the posterior itself. For small networks the posterior is known: two
# samplers of different kinds have run until they agreed, and the package has their draws.
# A fit is compared with them in function space, where networks with permuted hidden units
# are the same network. Shapes: S draws, N inputs, O outputs, C chains.

# %%
import os

import matplotlib.pyplot as plt
import pyro
import torch

import guides
import zoo
from zoo import inference, plots, references
from zoo.diagnostics import contraction, extrapolation, k_hat, sbc

SMOKE = "SMOKE" in os.environ  # shortens the loops, changes nothing else
NUM_STEPS = 20 if SMOKE else 3000
NUM_SIMULATIONS = 3 if SMOKE else 100

pyro.set_rng_seed(0)

reference = references.load("sinusoid")
model = reference.model
data = reference.data
print(reference)

# %% [markdown]
# ## Why should you believe the reference?
# Because of its evidence. R-hat compares the chains of one run. In the last row it compares
# the chains of both runs, of two algorithms that have only the posterior in common. The
# last columns are the floor: the score of one chain against all others. No fit can be seen
# to be closer than the floor.

# %%
print(reference.table)

# %% [markdown]
# ## Four guides
# All guides are fitted to the same data with the same number of steps. `Delta` is an
# ordinary network. `MeanField` has no correlations, `FullRank` has all of them, and a
# mixture can have more than one mode.

# %%
families = {
    "Delta": guides.Delta(model),
    "MeanField": guides.MeanField(model),
    "FullRank": guides.FullRank(model),
    "Mixture": guides.Mixture(
        model, make=guides.MeanField, num_components=4, init_spread=0.5
    ),
}
comparison = zoo.compare(
    model, families, reference, num_steps=NUM_STEPS, progress=False
)
print(comparison)

# %% [markdown]
# ## How to read a card
# On the left is the central 90 % of the guide and of the reference, in the middle their
# spread at every input. On the right is the distance of each score from its best value,
# with the distance that the reference's own chains have. The title is the verdict.

# %%
for name, card in comparison.fidelities.items():
    print(f"{name:10s} {card.verdict}")

figure = comparison.fidelities["MeanField"].plot()
figure.savefig("mean_field_card.png")

# %% [markdown]
# Two scores can disagree, and this is useful to know. A spread that is right on average may
# be too wide near the data and too narrow away from them: `spread_factor` shows this,
# `spread_ratio` does not. A prediction may fit held-out data as well as the reference does,
# and its epistemic uncertainty away from the data may still be wrong: held-out data do not
# lie there.

# %% [markdown]
# ## Diagnostics without a reference, and what they do not show
# Pareto k says whether the guide's draws could be reweighted to the posterior. It only sees
# the region of the guide: a guide in one of many modes can have a small k. Contraction says
# which weights have learned from the data.

# %%
posterior = comparison.posteriors["MeanField"]
k = k_hat(posterior, data.train)
print(f"Pareto k of MeanField: {k:.2f}, and below 0.7 would be good")
print(contraction(posterior))

# %% [markdown]
# ## Far from the data
# Far from the data, the posterior is determined by the prior. A guide with little
# uncertainty there is overconfident. How much uncertainty is too little? Less than that of
# the reference, which is itself less than that of the prior.

# %%
posteriors = {"reference": reference.weight_posterior}
for name in families:
    posteriors[name] = comparison.posteriors[name]

far = {}
for name, each in posteriors.items():
    far[name] = extrapolation(each, data.train.x)

for name, found in far.items():
    near_ratio = found.ratios[0]
    far_ratio = found.ratios[-1]
    print(
        f"{name:10s} {near_ratio:5.0%} of the prior's uncertainty near the data, "
        f"{far_ratio:4.0%} far away"
    )

epistemic = {name: found.epistemic for name, found in far.items()}
plots.extrapolation(far["reference"].factors, epistemic, far["reference"].prior)
plt.show()

# %% [markdown]
# ## When there is no reference: calibrate the engine
# Draw parameters from the prior and data from these parameters. Then the rank of the
# parameters among draws of the posterior is uniform. If a fit is too narrow, the parameters
# are too often at the ends. This tests engine and guide together, on your model, without
# any known posterior. Here the model is linear regression, because it is fast to fit.

# %%
linear = references.linear()


def fit(simulated):
    guide = guides.MeanField(linear.model)
    engine = inference.SVI(
        linear.model,
        guide,
        num_steps=NUM_STEPS // 10,
        lr=5e-2,
        compile="traced",
        progress=False,
    )
    return engine.fit(simulated)


ranks = sbc(
    linear.model,
    fit,
    linear.data.train.x,
    num_simulations=NUM_SIMULATIONS,
    progress=False,
)
print(ranks)
ranks.plot()
plt.show()

# %% [markdown]
# ## Your own draws
# You can score draws from any library. All that is needed are function values at the inputs
# of the reference, a tensor (S, N, O). Here the values of the guide are shifted by a
# constant.

# %%
prediction = posterior.predict(reference.inputs, num_samples=200)
shift = 0.1 * torch.randn(())
values = prediction.functions + shift
print(repr(zoo.fidelity(values, reference)))

# %% [markdown]
# ## What would make this result wrong
# - **Another model.** A reference belongs to one model. Another prior, width or split has
#   another posterior. The file stores which model it belongs to, and an error is raised if
#   the problem is another one.
# - **Samplers that agree and are wrong**, because both stay in the same modes. The evidence
#   says how many chains there were. It cannot say what none of them has visited.
# - **A guide that has not converged.** Its score is then that of its optimiser. Look at
#   `posterior.info.losses` before you blame the family.
# - **One seed.** The Monte-Carlo error of a score counts the draws on both sides, not the
#   variation between fits. Fit again with another seed before you rank two guides by less
#   than that variation.
